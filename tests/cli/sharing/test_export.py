"""Exports as a command."""

from __future__ import annotations

import pytest

from peft_sp.io.registry.lookup import bundled
from tests.support.commands import peft_sp, rows
from tests.support.paths import ROOT
from tests.support.wall import heavy_after_command

pytestmark = pytest.mark.integration
TRAINED = ROOT / "docs" / "results" / "fast" / "models" / "all"


def test_the_bundled_model_is_the_export_of_its_training_run(labelled_file, ecoli, tmp_path):
    out = tmp_path / "fast"
    arguments = ("--precision", "int8", "--check", labelled_file, "--partition", "0")
    code, output, errors = peft_sp("export", TRAINED, "-o", out, *arguments)
    assert code == 0
    # How far it is, where it takes longer than seconds.
    assert all(line.startswith("evaluation: window ") for line in errors.splitlines())
    lines = output.splitlines()
    assert lines[0].startswith("emissions differ by at most ")
    assert lines[1].startswith(f"on {labelled_file}: ")
    assert (
        lines[2]
        == f"written to {out}/, {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB"
    )
    ours = tmp_path / "ours"
    assert heavy_after_command("predict", ecoli, "-m", out, "-o", ours) == set()
    assert peft_sp("predict", ecoli, "-o", tmp_path / "bundled")[0] == 0
    tables = [rows(folder / "predictions.tsv") for folder in (ours, tmp_path / "bundled")]
    kinds = [[(row["id"], row["type"], row["cleavage_site"]) for row in table] for table in tables]
    assert kinds[0] == kinds[1] and len(kinds[0]) == 300


def test_what_was_not_measured_is_said(tmp_path):
    path = tmp_path / "net.onnx"
    code, output, errors = peft_sp("export", TRAINED, "-o", path, "--precision", "float16")
    assert code == 0 and f"written to {path}, " in output
    assert "float16 changes was not measured; --check does" in errors and errors.count("\n") == 1


def test_mistakes_are_one_line(labelled_file, tmp_path):
    out = tmp_path / "out"
    for arguments, problem in (
        ((tmp_path / "none", "-o", out), "none"),
        ((TRAINED, "-o", out, "--partition", "0"), "give --check LABELLED"),
        ((TRAINED, "-o", out, "--check", labelled_file, "--partition", "7"), "no proteins in the"),
        ((TRAINED, "-o", out, "--precision", "int4"), "int4"),
        ((bundled()["fast"], "-o", out), "exported"),
    ):
        code, output, errors = peft_sp("export", *arguments)
        assert (code, output) == (2, ""), arguments
        assert errors.count("\n") == 1 and problem in errors, errors
    assert not out.exists()
