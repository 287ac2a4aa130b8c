"""Markdown tables."""

from __future__ import annotations

import pytest

from peft_sp.training.evaluation.markdown import markdown_table


def test_a_table_of_labels_and_numbers():
    lines = markdown_table(["organism", "type", "MCC2"], [["EUKARYA", "", "0.9"]], labels=2)
    assert lines == ["| organism | type | MCC2 |", "|---|---|--:|", "| EUKARYA | | 0.9 |"]


@pytest.mark.parametrize("row", [["a"], ["a", "b", "c"]])
def test_a_row_of_another_length_is_refused(row):
    with pytest.raises(ValueError, match=f"a row of {len(row)} cells in a table of 2 columns"):
        markdown_table(["x", "y"], [row])
