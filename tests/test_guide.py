"""What docs/guide.md says of reading the table holds for odd names and missing values."""

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
def test_pandas_reads_the_table_as_the_guide_says(tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    signal = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
    (tmp_path / "in.faa").write_text(f'>NA "x\n{signal}\n>MARCH1\nMSTNPKPQRKTKRNTNRRPQD\n')
    assert peft_sp("predict", "in.faa", "-o", "results")[0] == 0
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
