"""What the manual says that the methods train is what they train."""

from __future__ import annotations

import re

import pytest
from benchmarks.tuning import counts

from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "costs.md").read_text()


def test_parameters_that_were_measured():
    rows = re.findall(r"^\| (\S+-8M) \| ([\d,]+) \(([\d.]+)%\) ", TEXT, re.MULTILINE)
    assert len(rows) == 8
    for name, trained, share in rows:
        found, every = counts(name)
        assert (f"{found:,}", f"{found / every:.1%}") == (trained, f"{share}%"), name


@pytest.mark.integration
def test_parameters_of_larger_backbones():
    """Of all methods on the smallest of these; of adapters, which grow with the width, on all."""
    rows = re.findall(r"^\| (\S+) \| ([\d,]+) M \| ([\d,.]+) M \| [\d.]+ GiB", TEXT, re.MULTILINE)
    assert len(rows) == 25
    shown = [
        row for row in rows if row[0].endswith("-35M") or row[0].startswith(("adapter", "lora-15B"))
    ]
    assert len(shown) == 10
    for name, every, trained in shown:
        found = counts(name)
        assert (f"{found[0] / 1e6:,.2f}", f"{found[1] / 1e6:,.0f}") == (trained, every), name
