"""SignalP 6's command and module, put where pipelines find them and taken away again."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from peft_sp.cli.shim import MARK, PACKAGE
from tests.support import consumers
from tests.support.commands import peft_sp
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration
OURS = ROOT / "src" / "peft_sp"


def plant(folder: Path) -> None:
    """Files that a pipeline's folder may hold, and that nobody may take for modules."""
    for name in ("numpy", "peft_sp", "json", "shutil", "pickle", "selectors", "usercustomize"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('not {name}')\n")


def foreign(folder: Path) -> dict[str, str]:
    """An environment whose Python settings are another program's."""
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONHOME": str(folder / "none")}


def test_the_shim_is_signalp6(good, tmp_path):
    folder = tmp_path / "bin with a blank"
    folder.mkdir()
    shim = folder / "signalp6"
    code, output, errors = peft_sp("install-shim", folder)
    assert (code, output) == (0, f"installed {shim}\n") and "not on PATH" in errors
    plant(tmp_path)
    search = {"PATH": f"{folder}:{os.environ['PATH']}"}
    path = {**os.environ, **search}
    command = ["signalp6", "-ff", good.name, "-od", "out", "-f", "all"]
    env = {**foreign(tmp_path), **search}
    run = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=env)
    assert (run.returncode, run.stderr) == (0, b"")
    assert (tmp_path / "out" / "output_a_first_plot.png").is_file()
    assert peft_sp("install-shim", folder, env=path) == (0, f"installed {shim}\n", "")
    assert peft_sp("install-shim", "--remove", folder) == (0, f"removed {shim}\n", "")
    assert not shim.exists()
    assert "is not there" in peft_sp("install-shim", "--remove", folder)[2]


def test_the_shim_finds_what_stood_on_pythonpath_when_it_was_made(good, tmp_path):
    """As where a cluster's modules provide packages, and the pipeline loads others."""
    numpy = Path(importlib.util.find_spec("numpy").origin).parents[1]
    provided = tmp_path / "provided"
    provided.mkdir()
    for entry in [*numpy.iterdir(), *OURS.parent.iterdir()]:
        if not entry.name.endswith(".pth"):
            (provided / entry.name).symlink_to(entry)
    bare = tmp_path / "bare"
    venv.create(bare, symlinks=True)
    python = bare / "bin" / "python"
    command = [python, "-m", "peft_sp.cli.main", "install-shim", bare / "bin"]
    env = {**os.environ, "PYTHONPATH": str(provided)}
    subprocess.run(command, check=True, capture_output=True, env=env)
    plant(tmp_path)
    command = [bare / "bin" / "signalp6", "-ff", good.name, "-od", "out"]
    run = subprocess.run(
        command, capture_output=True, check=False, cwd=tmp_path, env=foreign(tmp_path)
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_the_shim_calls_itself_signalp6(tmp_path):
    peft_sp("install-shim", tmp_path)
    env = {**os.environ, "COLUMNS": "120"}

    def shim(*arguments):
        command = [tmp_path / "signalp6", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        return run.returncode, run.stdout, run.stderr

    code, output, _ = shim("--help")
    assert code == 0 and output.startswith("usage: signalp6 [-h] --fastafile FASTA")
    assert "\nExample: signalp6 -ff " in output
    assert shim("--version") == peft_sp("signalp6", "--version")
    assert shim("-od", "out")[0] == 2
    assert peft_sp("signalp6", "-h", env=env)[1].startswith("usage: peft-sp signalp6 [-h]")


@pytest.mark.parametrize("kind", [(), ("--package",)])
@pytest.mark.parametrize("options", [(), ("--remove",)])
def test_a_signalp6_that_is_not_ours_is_left_alone(options, kind, tmp_path):
    other = tmp_path / "signalp6"
    if kind:
        other = tmp_path / PACKAGE / "signalp" / "predict.py"
        other.parent.mkdir(parents=True)
    other.write_text(f"#!/bin/sh\necho the real one # not {MARK}\n")
    code, _, errors = peft_sp("install-shim", *options, *kind, tmp_path)
    assert code == 2 and "was not made by peft-sp" in errors and errors.count("\n") == 1
    assert "the real one" in other.read_text()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [other]


@pytest.mark.parametrize("kind", [(), ("--package",)])
def test_the_shim_needs_a_directory(kind, tmp_path):
    code, _, errors = peft_sp("install-shim", *kind, tmp_path / "none")
    assert code == 2 and "no such directory" in errors and not (tmp_path / "none").exists()
    code, _, errors = peft_sp("install-shim", tmp_path, "--package", tmp_path)
    assert code == 2 and "give one of them" in errors and not list(tmp_path.iterdir())


# What InterProScan 6 does with a directory of SignalP 6, step by step, in a folder of its own.
INTERPROSCAN_6 = """
set -e
cp -Lr {configured}/signalp-6-package/signalp signalp
sed -i "s|'-tt',\\s*|'-tt', type=int, |" signalp/predict.py
{python} -m signalp.predict --fastafile {fasta} --output_dir outdir --format none \\
    --organism {organism} --mode fast --torch_num_threads 1 --write_procs 1 \\
    --model_dir {configured}/signalp-6-package/models
rm -r signalp
chmod -R 777 outdir
"""


@pytest.fixture(scope="module")
def configured(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("signalp6_fast")
    path = folder / PACKAGE
    assert peft_sp("install-shim", "--package", folder) == (0, f"installed {path}\n", "")
    return folder


def interproscan(configured, tmp_path, fasta, python, organism="other", **options):
    text = INTERPROSCAN_6.format(
        configured=configured, python=python, fasta=fasta, organism=organism
    )
    run = subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, check=False, cwd=tmp_path, **options
    )
    return run.returncode, run.stdout, run.stderr


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory) -> Path:
    """A Python that has no packages, as in another environment or a container."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


@pytest.mark.parametrize("organism", ["other", "eukarya"])
def test_interproscan_6_runs_the_module(organism, configured, bare_python, ecoli, tmp_path):
    """With a Python of its own, in a folder and an environment full of traps."""
    plant(tmp_path)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    code, output, errors = interproscan(configured, tmp_path, ecoli, bare_python, organism, env=env)
    models = configured / PACKAGE / "models"
    note = f"peft-sp: --model_dir {models}: holds no model of this program; using 'fast'\n"
    if organism == "eukarya":
        note += "peft-sp: proteins of bacteria or archaea by their headers, predicted as eukarya: "
        note += "300 of 300; give --organism other\n"
    assert (code, output, errors) == (0, "", note)
    assert json.loads((tmp_path / "outdir" / "output.json").read_text())["ORG"] == organism
    matches = consumers.interproscan(tmp_path / "outdir")
    assert len(matches) > 20 and {match[0] for match in matches.values()} >= {"Sec/SPI"}
    own = tmp_path / "own"
    assert peft_sp("signalp6", "-ff", ecoli, "-od", own, "-f", "none", "-org", organism)[0] == 0
    assert matches == consumers.interproscan(own)


def test_the_edit_of_interproscan_6_finds_its_line(configured):
    text = (configured / PACKAGE / "signalp" / "predict.py").read_text()
    assert len(re.findall(r"'-tt',\s*", text)) == 1


def test_the_module_gives_the_exit_code(configured, good, tmp_path):
    """Of a mistake, whatever Python runs it; what is needed for pip's way is there as well."""
    good.write_text(good.read_text() + ">empty\n")
    code, _, errors = interproscan(configured, tmp_path, good, sys.executable)
    assert code == 2 and "the record has no residues" in errors
    assert (configured / PACKAGE / "signalp" / "model_weights").is_dir()


def elsewhere(configured: Path, folder: Path) -> Path:
    """A copy whose Python is not there, as in a container without the directories of the host."""
    shutil.copytree(configured / PACKAGE, folder / PACKAGE)
    predict = folder / PACKAGE / "signalp" / "predict.py"
    text = predict.read_text().replace(ascii(sys.executable), "'/nowhere/python'")
    predict.write_text(text)
    return folder


def test_the_module_finds_what_is_installed_where_it_runs(
    configured, bare_python, good, tmp_path_factory, tmp_path
):
    place = elsewhere(configured, tmp_path_factory.mktemp("moved"))
    plant(tmp_path)
    # The Python that runs it has this package.
    env = {**os.environ, "PYTHONPATH": f"{OURS.parent}:{tmp_path}"}
    code, _, errors = interproscan(place, tmp_path, good, sys.executable, env=env)
    assert code == 0, errors
    assert len(consumers.interproscan(tmp_path / "outdir")) == 1
    # It has not, and the command is on PATH.
    shutil.rmtree(tmp_path / "outdir")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "peft-sp"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m peft_sp.cli.main "$@"\n')
    command.chmod(0o755)
    env = {**env, "PATH": f"{command.parent}:/usr/bin:/bin"}
    shutil.copytree(place / PACKAGE / "signalp", tmp_path / "signalp")
    arguments = ["--fastafile", good, "--output_dir", "outdir"]
    module = [bare_python, "-m", "signalp.predict"]
    env["PYTHONPATH"] = ""
    run = subprocess.run([*module, *arguments], cwd=tmp_path, env=env, check=False)
    assert run.returncode == 0 and len(consumers.interproscan(tmp_path / "outdir")) == 1
    # There is none at all.
    env["PATH"] = "/usr/bin:/bin"
    run = subprocess.run(module, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "") and run.stderr.count("\n") == 1
    assert "not installed here (/nowhere/python: No such file or directory; " in run.stderr
    # The package is there, and what it needs is not.
    env["PYTHONPATH"] = str(OURS.parent)
    run = subprocess.run(module, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "") and run.stderr.count("\n") == 1
    assert "No module named " in run.stderr
    env["PATH"] = f"{command.parent}:/usr/bin:/bin"
    module += [*arguments[:-1], "again"]
    run = subprocess.run(module, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(consumers.interproscan(tmp_path / "again")) == 1


@pytest.mark.parametrize("gone", ["peft_sp", "typer"])
def test_a_shim_whose_python_has_lost_the_program_is_one_line(gone, bare_python, tmp_path):
    peft_sp("install-shim", tmp_path)
    shim = tmp_path / "signalp6"
    text = shim.read_text().replace(sys.executable, str(bare_python))
    kept = str(OURS.parent) if gone == "typer" else "/nowhere"
    for entry in {*sys.path, str(OURS.parent)} - {""}:
        text = text.replace(ascii(entry), ascii(kept))
    shim.write_text(text)
    run = subprocess.run([shim, "-h"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "") and run.stderr.count("\n") == 1
    assert f"peft-sp: not installed for {bare_python} any more (No module named " in run.stderr


def test_the_package_is_removed_but_for_what_others_put_there(tmp_path):
    folder = tmp_path / PACKAGE
    for _ in range(2):
        assert peft_sp("install-shim", "--package", tmp_path)[0] == 0
    (folder / "signalp" / "__pycache__").mkdir()
    (folder / "models" / "model.pt").write_text("14 GB")
    kept = f"removed {folder}, but for what others put there: {folder / 'models' / 'model.pt'}"
    assert peft_sp("install-shim", "--remove", "--package", tmp_path)[:2] == (0, f"{kept}\n")
    left = [str(p.relative_to(folder)) for p in folder.rglob("*")]
    assert sorted(left) == ["models", "models/model.pt"]
    code, _, errors = peft_sp("install-shim", "--remove", "--package", tmp_path)
    assert code == 2 and "was not made by peft-sp; left as it is" in errors
