"""What `integrations/` says of this program is so: its version, options, files and requirements.

Linters and workflow engines, which are large, are run by integrations/lint.sh.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import jinja2
import polars
import pytest
import typer
import yaml

from peft_sp.cli.commands import app
from peft_sp.inference.run_options import RunOptions
from peft_sp.version import __version__
from tests.support.commands import rows
from tests.support.integrations import (
    BIOCONDA,
    GALAXY,
    INTEGRATIONS,
    MODULE,
    SHARDS,
    SNAKEMAKE,
    GalaxyTool,
    bash,
    holds,
    nextflow_script,
)
from tests.support.manual import blocks
from tests.support.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = set(RunOptions(summary=True, fasta=True).files)
PROTEINS = GALAXY / "test-data" / "proteins.fasta"
TEXTS = {
    path: path.read_text()
    for path in sorted(INTEGRATIONS.rglob("*"))
    if path.is_file() and path.suffix not in (".fasta", ".faa", ".md")
}
SCALE = ROOT / "docs" / "scale.md"
TEXTS[SCALE] = "\n".join(block.text for block in blocks(SCALE))


VERSION = re.compile(
    r"""(?mx) (?: peft-sp[ ]*[:=]{1,2}[ ]* | ^[ ]*version[ ]*=[ ]*' | set[ ]version[ ]=[ ]"
    | TOOL_VERSION@"> ) ([\d.]+\d)"""
)


def test_every_version_is_this_one():
    found = {path: set(VERSION.findall(text)) for path, text in TEXTS.items()}
    versions = {path: own for path, own in found.items() if own}
    assert {f"{path.parent.name}/{path.name}" for path in versions} == {
        *("peft-sp/meta.yaml", "predict/environment.yml", "predict/main.nf"),
        *("predict/environment.yaml", "nextflow/nextflow.config"),
        *("peft_sp/peft_sp_predict.xml", "interproscan6/peft-sp.config"),
    }
    assert set().union(*versions.values()) == {__version__}


def test_every_option_and_every_command_exists():
    commands = typer.main.get_command(app).commands
    options = {o for p in commands["predict"].params for o in (*p.opts, *p.secondary_opts)}
    called = 0
    for path, text in TEXTS.items():
        # The command's own line, and what callers add to it.
        parts = re.findall(r"peft-sp ((?!--)[a-z-]+)((?:[^\n]|\\\n|\n +(?=[-#$\"']))*)", text)
        for command, rest in parts:
            own = commands[command]
            if parts_of := getattr(own, "commands", None):  # a group, such as shards
                own = parts_of[rest.split()[0]]
            known = {o for p in own.params for o in p.opts} | {"--help"}
            assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", rest)) <= known, (path, command)
            called += 1
        for line in re.findall(r"(?:ext\.args|extra|module_args) *\+?= *(.*)", text):
            assert set(re.findall(r"--[a-z][\w-]*", line)) <= options, path
        for argument in re.findall(r'argument="([^"]*)"', text):
            assert argument in options, path
    assert called >= 17


def test_every_file_that_is_taken_is_one_that_predict_writes():
    taken = {
        path.name: set(re.findall(r"""\b(?:results/|": ")([\w.]+\.\w+)""", text))
        for path, text in TEXTS.items()
        if path.name in ("main.nf", "peft_sp_predict.xml", "wrapper.py") and "predict" in str(path)
    }
    assert set().union(*taken.values()) <= FILES
    assert {name: len(names) for name, names in taken.items()} == {
        **{"main.nf": 4, "peft_sp_predict.xml": 7, "wrapper.py": 9}
    }


def recipe():
    around = jinja2.Environment(undefined=jinja2.StrictUndefined)
    around.globals.update(PYTHON="python", pin_subpackage=lambda name, max_pin: f"{name} {max_pin}")
    return yaml.safe_load(around.from_string(BIOCONDA.read_text()).render())


def test_the_recipe_requires_what_the_package_requires():
    found, project = recipe(), PYPROJECT["project"]

    def spaced(requirement):
        return re.sub(r"^([\w-]+)", r"\1 ", requirement.partition(";")[0])

    python = f"python {project['requires-python']}"
    assert found["requirements"]["run"] == [python, *map(spaced, project["dependencies"])]
    assert set(found["requirements"]["host"]) == {
        python,
        "pip",
        *PYPROJECT["build-system"]["requires"],
    }
    entries = [f"{name} = {at}" for name, at in project["scripts"].items()]
    assert found["build"]["entry_points"] == entries
    assert found["about"]["license"] == project["license"]
    assert (ROOT / found["about"]["license_file"]).exists()
    # What Bioconda's linter wants of every recipe, as far as a file shows it.
    assert found["build"]["noarch"] == "python" and found["build"]["number"] == 0
    assert found["build"]["run_exports"] == ["peft-sp x.x"]
    assert re.search(r'sha256 = "[0-9a-f]{64}"', BIOCONDA.read_text())
    assert found["extra"]["recipe-maintainers"]
    assert found["about"]["home"] and not found["about"]["summary"].endswith(".")


@pytest.mark.integration
def test_the_recipe_s_own_test_passes(tmp_path):
    commands = [one for one in recipe()["test"]["commands"] if one != "pip check"]
    assert "OmpA" in bash("\n".join(commands), tmp_path)


def test_the_module_s_description_is_that_of_its_process():
    text = (MODULE / "main.nf").read_text()
    meta = yaml.safe_load((MODULE / "meta.yml").read_text())
    emitted = re.findall(r"(?:path\((.*?)\).*|versions, )emit: (\w+)", text)
    assert list(meta["output"]) == [name for _, name in emitted]
    for pattern, name in emitted[:-1]:
        assert list(meta["output"][name][0][1]) == [pattern.strip('"')]
    assert meta["topics"]["versions"] == meta["output"]["versions_peftsp"]
    environment = yaml.safe_load((MODULE / "environment.yml").read_text())
    assert environment["dependencies"] == [f"bioconda::peft-sp={__version__}"]
    container = f"peft-sp:{__version__}--pyhdfd78af_0"
    assert text.count(container) == 2


@pytest.mark.integration
def test_the_nextflow_example_s_scripts_give_one_table_and_counts(tmp_path):
    """What Nextflow would run, one after the other."""
    module, example = (
        (path / "main.nf").read_text() for path in (MODULE, INTEGRATIONS / "nextflow")
    )
    values = {"args": "--summary --skip-invalid", "organism": "auto", "fasta": str(PROTEINS)}
    values |= {"prefix": "one", "meta.id": "one", "task.cpus": "1", "table": "one.tsv"}
    bash(nextflow_script(module, "PEFTSP_PREDICT", "script", **values), tmp_path)
    assert {path.suffix for path in tmp_path.glob("one.*")} == {".tsv", ".gff3", ".fasta", ".html"}
    version = re.search(r'eval\("(.*?)"\)', module)[1]
    assert bash(version, tmp_path).strip() == __version__
    bash(nextflow_script(example, "ADD_NAME", "script", **values), tmp_path)
    named = rows(tmp_path / "one.named.tsv")
    assert [row["proteome"] for row in named] == ["one"] * 3
    values["table"] = "one.named.tsv"
    bash(nextflow_script(example, "COUNT_TYPES", "script", **values), tmp_path)
    counts = (tmp_path / "types.tsv").read_text().splitlines()
    assert counts == ["proteome\ttype\tproteins", "one\tNO_SP\t1", "one\tSP\t2"]
    bash(nextflow_script(module, "PEFTSP_PREDICT", "stub", **{**values, "prefix": "two"}), tmp_path)
    assert {path.suffix for path in tmp_path.glob("two.*")} == {".tsv", ".gff3", ".fasta"}


@pytest.mark.integration
@pytest.mark.parametrize("number", [0, 1])
def test_galaxy_s_command_passes_the_tool_s_own_tests(tmp_path, number):
    tool = GalaxyTool(GALAXY / "peft_sp_predict.xml")
    test = tool.tree.findall("tests/test")[number]
    values = tool.values(test)
    command = tool.command(values)
    bash(command, tmp_path, GALAXY_SLOTS="1")
    assert '--threads "${GALAXY_SLOTS:-1}"' in command
    outputs = tool.outputs(values)
    assert len(outputs) == int(test.get("expect_num_outputs"))
    looked_at = 0
    for output in test.iter("output"):
        text = (tmp_path / outputs[output.get("name")]).read_text()
        if file := output.get("file"):
            assert text == (tool.data / file).read_text()
        for assertion in output.iterfind("assert_contents/*"):
            assert holds(assertion, text), (output.get("name"), assertion.attrib)
        looked_at += 1
    assert looked_at == len(outputs)


def test_the_wrapper_s_description_names_its_outputs():
    meta = yaml.safe_load((SNAKEMAKE / "meta.yaml").read_text())
    named = re.search(r"FILES = (\{.*?\n\})", (SNAKEMAKE / "wrapper.py").read_text(), re.S)[1]
    described = [name for one in meta["output"] for name in one]
    assert described == re.findall(r'"(\w+)":', named)
    rule = (SNAKEMAKE / "test" / "Snakefile").read_text()
    assert set(re.findall(r'^ {8}(\w+)="results', rule, re.M)) <= set(described)


def worker_s_words(script: str, folder: Path, **variables: str) -> list[str]:
    """What a script would give to `peft-sp`."""
    stub = "peft-sp() { printf '%s\\n' \"$@\"; }\n"
    return bash(stub + script, folder, **variables).split()


def test_every_scheduler_starts_the_same_worker(tmp_path):
    job = yaml.safe_load((SHARDS / "kubernetes.yaml").read_text())["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-c"] and job["completionMode"] == "Indexed"
    mounted = container["args"][0].replace("/data/", "")
    assert container["volumeMounts"][0]["mountPath"] == "/data"
    rule = re.search(r'rule shard:.*?shell:\s*"(.*?)"', (SHARDS / "Snakefile").read_text(), re.S)[1]
    rule = rule.replace("{input}", "plan.json").replace("{wildcards.number}", "7")
    nextflow = nextflow_script(
        (SHARDS / "main.nf").read_text(), "SHARD", "script", plan="plan.json", number="7"
    )
    for script, variables in (
        ((SHARDS / "slurm.sh").read_text(), {"SLURM_ARRAY_TASK_ID": "7"}),
        ((SHARDS / "slurm.sh").read_text(), {"SLURM_ARRAY_TASK_ID": "2", "OFFSET": "5"}),
        ((SHARDS / "hyperqueue.sh").read_text(), {"HQ_TASK_ID": "7"}),
        (mounted, {"JOB_COMPLETION_INDEX": "6"}),
        (rule, {}),
        (nextflow, {}),
    ):
        words = worker_s_words(script, tmp_path, **variables)
        assert words == ["shards", "run", "plan.json", "--shard", "7", "-o", "results"], script


@pytest.mark.integration
def test_the_shards_of_nextflow_are_planned_predicted_and_merged(tmp_path):
    text = (SHARDS / "main.nf").read_text()
    values = {"params.input": f"{PROTEINS.parent}/proteins.*", "params.shard": "1000000"}
    values |= {"params.organism": "other", "plan": "plan.json", "number": "1"}
    for process in ("PLAN", "SHARD", "TABLE"):
        bash(nextflow_script(text, process, "script", **values), tmp_path)
    assert polars.read_parquet(tmp_path / "predictions.parquet")["type"].to_list() == [
        *("SP", "NO_SP", "SP")
    ]
