"""README's commands are run as they stand, on small data under the names it uses."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.io.labelled import read_labelled
from peft_sp.io.registry.accuracy import BIG_CLASSES
from peft_sp.io.registry.lookup import bundled
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.evaluation.published import SIGNALP6_CLEAVAGE, SIGNALP6_MCC2
from peft_sp.training.recipe import read_recipe
from peft_sp.training.runs.run import comparable_settings
from tests.support.commands import peft_sp
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    shell = "".join(text for language, text in BLOCKS if language == "sh").replace("\\\n", " ")
    return [" ".join(line.split()) for line in shell.splitlines() if line.startswith("peft-sp")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, labelled_file, tiny_backbone) -> Path:
    place = tmp_path_factory.mktemp("readme")
    (place / "examples").mkdir()
    shutil.copytree(ROOT / "examples", place / "whole" / "examples")
    proteins = (ROOT / "examples" / "ecoli_300.faa").read_text().split("\n>")
    (place / "examples" / "ecoli_300.faa").write_text("\n>".join(proteins[:30]) + "\n")
    shutil.copy(labelled_file, place / "train_set.fasta")
    shutil.copytree(tiny_backbone, place / "esm2_t6_8M")
    # Found before packs, of which none need be installed here.
    shutil.copytree(ROOT / "packs" / "esm2-8m" / "src" / "peft_sp_esm2_8m", place / "esm2-8m")
    return place


def test_there_are_commands():
    assert len(commands()) >= 4


@pytest.mark.integration
@pytest.mark.parametrize("command", commands())
def test_command(command, workplace):
    arguments = shlex.split(command)[1:]
    if arguments[0] in ("train", "crossval", "tune", "distill"):
        arguments += ["--set", "optimisation.epochs=0.1"]
    if arguments[0] == "tune":
        arguments += ["--trials", "1"]
    # What this trains has no ONNX graph yet, and needs torch.
    kind = "training" if "my-model" in arguments else ""
    code, _, errors = peft_sp(*arguments, cwd=workplace, kind=kind)
    assert code == 0, errors


@pytest.mark.integration
def test_the_output_shown_is_the_real_one(workplace):
    run = subprocess.run(
        [sys.executable, "-m", "peft_sp.cli.main", *shlex.split(commands()[0])[1:]],
        cwd=workplace / "whole",
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = next(text for language, text in BLOCKS if language == "text")
    assert [line.rstrip() for line in run.stdout.splitlines()] == shown.splitlines()


@pytest.mark.integration
def test_python(workplace, monkeypatch):
    monkeypatch.chdir(workplace / "whole")
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "README.md", "exec"), {})


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_links_lead_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path}: {link}"


MEASURED = ("fast", "lora-8M", "esm2-8m")


def measured_of(name):
    return json.loads((ROOT / "docs" / "results" / name / "metrics.json").read_text())


def test_accuracy_is_that_of_the_cross_validations():
    found = [
        {(c["organism"], c["type"]): c for c in measured_of(name)["pooled"]["classes"]}
        for name in ("fast", "esm2-8m")
    ]
    for key in BIG_CLASSES:
        cells = [" ".join(key), f"{found[0][key]['proteins']:,}"]
        for classes in found:
            c = classes[key]
            low, high = c["mcc2_interval"]
            recall, precision = c["cleavage_recall"][0], c["cleavage_precision"][0]
            cells += [
                f"{c['mcc2']:.3f} ({low:.3f} to {high:.3f})",
                f"{recall:.2f} / {precision:.2f}",
            ]
        recall, precision = SIGNALP6_CLEAVAGE[key]
        cells += [f"{SIGNALP6_MCC2[key]:.3f}", f"{recall:.2f} / {precision:.2f}"]
        assert f"| {' | '.join(cells)} |" in README
    text = " ".join(README.split())
    for name in MEASURED:
        pooled = measured_of(name)["pooled"]
        low, high = pooled["mean_mcc2_interval"]
        assert f"{pooled['mean_mcc2']:.3f} ({low:.3f} to {high:.3f})" in text
        for figure in ("big_classes_mcc2", "multiclass_mcc"):
            assert f"{pooled[figure]:.3f}" in text


def test_figures_are_of_what_is_shipped():
    config = json.loads((bundled()["fast"] / "config.json").read_text())
    assert config["metrics"]["cross_validation"]["pooled"] == measured_of("fast")["pooled"]
    for name in MEASURED:
        recipe = read_recipe(name).model_dump(mode="json")
        assert comparable_settings(measured_of(name)["recipe"]) == comparable_settings(recipe)


@pytest.mark.parametrize("name", MEASURED)
def test_out_of_fold_predictions_give_these_figures(shared, name):
    """The committed predictions, scored anew against the labels."""
    text = gzip.decompress((ROOT / f"docs/results/{name}/oof.tsv.gz").read_bytes()).decode()
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    by_partition = sorted(
        read_labelled(shared / "data" / "train_set.fasta"), key=lambda p: p.partition
    )
    assert [row[0] for row in rows] == [p.accession for p in by_partition]
    outcomes = Outcomes(
        np.array([p.organism for p in by_partition]),
        np.array([TYPES.index(p.type) for p in by_partition]),
        np.array([TYPES.index(row[8]) for row in rows]),
        np.array([p.cleavage_site or 0 for p in by_partition]),
        np.array([int(row[9] or 0) for row in rows]),
        np.array([[float(x) for x in row[2:8]] for row in rows]),
    )
    found = score(outcomes).figures.to_json()
    measured = measured_of(name)["pooled"]
    assert found["mean_mcc2"] == measured["mean_mcc2"]
    for mine, theirs in zip(found["classes"], measured["classes"], strict=True):
        for figure in ("mcc1", "mcc2", "cleavage_recall", "cleavage_precision"):
            assert mine[figure] == theirs[figure]
