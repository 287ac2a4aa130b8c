"""`peft-sp predict --plots` and `--summary` as a user meets them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.commands import ALL_FILES, peft_sp, rows

pytestmark = pytest.mark.integration


def test_a_picture_of_each_protein(good, tmp_path):
    out = tmp_path / "out"
    code, output, errors = peft_sp("predict", good, "-o", out, "--plots", "svg")
    assert (code, errors) == (0, "")
    assert output.splitlines()[-2:] == ["  summary.html", "  plots/"]
    assert {p.name for p in out.iterdir()} == {*ALL_FILES, "summary.html", "plots"}
    assert {p.name for p in (out / "plots").iterdir()} == {"a.svg", "b.svg"}
    assert "cleavage after 21," in (out / "plots" / "a.svg").read_text()
    assert "no signal peptide" in (out / "plots" / "b.svg").read_text()
    assert f"<title>Signal peptides of {good}</title>" in (out / "summary.html").read_text()


def test_many_pictures(ecoli, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    code, _, errors = peft_sp("predict", ecoli, "-o", out, "--plots", "png", "--threads", "2")
    assert (code, errors) == (0, "")
    table = rows(out / "predictions.tsv")
    names = {row["id"].replace(".", "_") + ".png" for row in table}
    assert {p.name for p in (out / "plots").iterdir()} == names and len(names) == 300


def test_a_summary_alone(good, tmp_path):
    out = tmp_path / "out"
    code, output, errors = peft_sp("predict", good, "-o", out, "--summary", "--organism", "eukarya")
    assert (code, errors) == (0, "") and output.endswith("  summary.html\n")
    assert {p.name for p in out.iterdir()} == {*ALL_FILES, "summary.html"}
    page = (out / "summary.html").read_text()
    assert "2 proteins, model fast, organism eukarya" in page and ">LIPO</th>" not in page


def test_the_same_predictions_with_and_without(ecoli, tmp_path):
    peft_sp("predict", ecoli, "-o", tmp_path / "a")
    peft_sp("predict", ecoli, "-o", tmp_path / "b", "--summary")
    for name in ("predictions.tsv", "output.gff3", "region_output.gff3"):
        assert (tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text()


@pytest.mark.parametrize("option", [("--plots", "svg"), ("--summary",)])
def test_standard_output_takes_no_pictures(good, option):
    code, output, errors = peft_sp("predict", good, "-o", "-", *option)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and "need a directory" in errors


def test_without_matplotlib_it_is_said_before_any_work(tmp_path):
    stub = tmp_path / "stub" / "matplotlib.py"
    stub.parent.mkdir()
    stub.write_text("raise ModuleNotFoundError(\"No module\", name='matplotlib')\n")
    search = os.pathsep.join([str(stub.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": search}
    arguments = ("predict", tmp_path / "none.faa", "-o", tmp_path / "out", "--plots")
    # The file is not there either, which is found out later.
    code, output, errors = peft_sp(*arguments, "png", env=environment)
    assert (code, output) == (2, "")
    assert errors == (
        "peft-sp: drawing png pictures needs more packages (matplotlib is missing): "
        "pip install 'peft-sp[plot]'\n"
    )
    code, _, errors = peft_sp(*arguments, "svg", env=environment)
    assert code == 2 and "no such file" in errors
    assert not Path(tmp_path / "out").exists()


def test_nothing_is_left_of_a_run_that_fails(good, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "plots").write_text("in the way")
    code, _, errors = peft_sp("predict", good, "-o", out, "--plots", "svg")
    assert code == 2 and errors.count("\n") == 1 and "cannot be written" in errors
    assert [p.name for p in out.iterdir()] == ["plots"]


def test_what_is_of_an_earlier_run_is_named(good, tmp_path):
    out = tmp_path / "out"
    code, _, errors = peft_sp("predict", good, "-o", out, "--plots", "svg")
    assert code == 0 and "earlier run" not in errors
    code, _, errors = peft_sp("predict", good, "-o", out)
    assert code == 0
    assert f"peft-sp: summary.html and plots/ in {out} are of an earlier run\n" in errors
    code, _, errors = peft_sp("predict", good, "-o", out, "--summary")
    assert code == 0 and f"peft-sp: plots/ in {out} are of an earlier run\n" in errors
