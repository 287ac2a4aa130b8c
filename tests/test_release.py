"""What is released: distributions that work, the lock, and the files of the hosting site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hatch_build import REPOSITORY, readme, urls
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts import release_check
from scripts.release_check import ReleaseError

from peft_sp.version import __version__
from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout")
LOCK = (ROOT / "requirements.txt").read_text()


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """What the quick check says of this commit, and the folder with the distributions."""
    if not (ROOT / ".git").exists():
        pytest.skip("what belongs into a release is known to git alone")
    folder = tmp_path_factory.mktemp("release")
    try:
        return release_check.check(folder, [], folder / "out", quick=True), folder / "out"
    except ReleaseError as error:
        if os.environ.get("CI") == "true" or not UNREACHABLE.search(str(error)):
            raise
        pytest.skip("pip reaches no index from here")


@pytest.mark.integration
def test_the_wheel_installs_alone_and_does_what_readme_shows(released):
    (row,), folder = released
    assert row.megabytes["predict"] < row.megabytes["serve"] < 250
    bill = json.loads((folder / f"peft_sp-{__version__}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    released_one = bill["metadata"]["component"]
    assert released_one["purl"] == f"pkg:pypi/{released_one['name']}@{__version__}"
    assert (released_one["name"], released_one["version"]) == ("peft-sp", __version__)
    names = {part["name"] for part in bill["components"]}
    assert {"onnxruntime", "numpy", "fastapi"} <= names and not names & {"torch", "pip"}
    table = release_check.table([row]).splitlines()
    assert len(table) == 3 and table[2].count("|") == table[0].count("|")


@pytest.mark.integration
def test_indexes_show_readme_without_links_that_lead_nowhere(released):
    (wheel,) = released[1].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"peft_sp-{__version__}.dist-info/METADATA").decode()
    assert "| class | proteins |" in metadata
    assert "\npip install peft-sp  " in metadata and "pip install ." not in metadata
    assert not re.findall(r"\]\((?!\w+:|#)", metadata)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("peft_sp/notes.txt", "left here", "should not have peft_sp/notes.txt"),
        ("peft_sp/py.typed", f"of {ROOT}", "peft_sp/py.typed names a path of this machine"),
        ("peft_sp/py.typed", None, "lacks peft_sp/py.typed"),
    ],
    ids=["a file too many", "a path", "a file too few"],
)
def test_a_distribution_with_other_content_is_refused(released, tmp_path, name, content, reason):
    (wheel,), (sdist,) = released[1].glob("*.whl"), released[1].glob("*.tar.gz")
    changed = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        if content is not None:
            new.writestr(name, content)
    release_check.look_into(wheel, sdist)
    with pytest.raises(ReleaseError, match=re.escape(reason)):
        release_check.look_into(changed, sdist)


def test_interpreters_are_those_that_there_are(capsys):
    found = release_check.interpreters([sys.executable])
    assert sys.executable in found and len(found) <= len(release_check.VERSIONS)
    missing = len(release_check.VERSIONS) - len(found)
    assert capsys.readouterr().out.count("3.") == missing


def test_links_of_readme_lead_to_the_version_at_its_repository():
    text = "[guide](docs/guide.md#output) ![a](a.png) [here](#here) [w](https://a.b/c)"
    there = "https://host.example/o/r"
    assert readme(text, there, "1.2.3") == (
        f"[guide]({there}/blob/v1.2.3/docs/guide.md#output) ![a]({there}/raw/v1.2.3/a.png) "
        "[here](#here) [w](https://a.b/c)"
    )
    assert readme(text, "", "1.2.3") == "guide  [here](#here) [w](https://a.b/c)"
    text = "pip install .     # in a clone of this repository; Python 3\npip install '.[web]' ./a\n"
    assert readme(text, there, "1.2.3") == (
        "pip install peft-sp     # Python 3\npip install 'peft-sp[web]' ./a\n"
    )
    assert urls(there, "1.2.3")["Changelog"] == f"{there}/blob/v1.2.3/CHANGELOG.md"
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    (step,) = [s for s in release["jobs"]["build"]["steps"] if REPOSITORY in s.get("env", {})]
    assert "release_check.py" in step["run"]


def test_the_lock_pins_with_hashes_what_the_server_needs():
    pins = {}
    for block in re.split(r"\n(?=\S)", LOCK):
        if found := re.match(r"([a-z0-9.-]+)==(\S+)", block):
            assert "--hash=sha256:" in block, found[0]
            pins.setdefault(canonicalize_name(found[1]), []).append(found[2])
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["web"]]
    for requirement in map(Requirement, wanted):
        versions = pins[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement
    assert "://" not in LOCK and "torch" not in pins


def test_all_that_names_the_version_names_the_same():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]
    notebook = (ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8")
    assert set(re.findall(r"prediction:peft-sp:([\d.]+)", notebook)) == {__version__}


def test_every_list_of_pythons_is_the_same():
    prefix = "Programming Language :: Python :: 3."
    named = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if c.startswith(prefix)]
    assert tuple(named) == release_check.VERSIONS
    assert PROJECT["requires-python"] == f">={named[0]}"
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    for job in ("whole", "smoke"):
        assert jobs[job]["strategy"]["matrix"]["python"] == named


def test_zizmor_finds_nothing_in_the_workflows():
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    zizmor = shutil.which("zizmor", path=search)
    assert zizmor, "pip install '.[release]'"
    command = [zizmor, "--offline", "--no-progress", ".github"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))),
        ("github-issue-config", [ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"]),
        ("dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_files_of_the_hosting_site_fit_their_schemas(schema, files):
    assert files
    arguments = ["--builtin-schema", f"vendor.{schema}", *map(str, files)]
    found = CliRunner().invoke(check_jsonschema.main, arguments)
    assert found.exit_code == 0, found.output


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is(workflow):
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    for command in commands:
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets
        for path in re.findall(r"(?:scripts/\S+\.py|\.ci/run)", command):
            assert (ROOT / path).exists()
