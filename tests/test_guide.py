"""What docs/guide.md prints is run as it stands."""

from __future__ import annotations

import re

import pytest

from peft_sp.io.writers.tables import FIELDS
from tests.support.commands import peft_sp
from tests.support.paths import ROOT

GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.integration
def test_the_commands_at_the_top(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "proteins.faa").write_text(">a\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAH\n")
    for number, line in enumerate(blocks("sh")[0].splitlines()):
        program, *arguments = line.split("#")[0].split()
        assert program == "peft-sp"
        code, _, errors = peft_sp(*(*arguments[:-1], f"results-{number}"))
        assert code == 0, errors
    assert (tmp_path / "results-1" / "summary.html").exists()


@pytest.mark.integration
def test_pandas_reads_the_table_as_the_guide_says(tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    signal = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
    (tmp_path / "in.faa").write_text(f'>NA "x\n{signal}\n>MARCH1\nMSTNPKPQRKTKRNTNRRPQD\n')
    assert peft_sp("predict", "in.faa", "-o", ".")[0] == 0
    names = {"table": None}
    (snippet,) = [block for block in blocks("python") if "read_csv" in block]
    exec(snippet, names)
    table = names["table"]
    assert list(table["id"]) == ["NA", "MARCH1"] and table["header"][0] == 'NA "x'
    # Numbers are numbers, and missing where there is no signal peptide.
    for field in FIELDS:
        if field.kind is not str:
            assert pandas.api.types.is_numeric_dtype(table[field.name]), field.name
    assert table["mature_start"][0] == 22 and pandas.isna(table["mature_start"][1])
