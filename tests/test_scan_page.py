"""The section of scans in docs/pictures.md describes the table that a scan writes."""

from __future__ import annotations

import re

import pytest

from tests.support.commands import peft_sp
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration
PICTURES = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
SCANS = PICTURES[PICTURES.index("## What breaks") : PICTURES.index("## From Python")]


def test_every_column_is_described():
    scan = ROOT / "examples" / "yacH.faa"
    code, table, errors = peft_sp("scan", scan, "-o", "-")
    assert code == 0, errors
    named = re.findall(r"^\| ([a-z_, ]+) \|", SCANS, re.MULTILINE)[1:]
    assert ", ".join(named).split(", ") == table.partition("\n")[0].split("\t")
