"""Runs into a directory that are stopped, and what is left of them."""

from __future__ import annotations

import pytest

from peft_sp.io.results.protection import RECORD
from peft_sp.io.results.run_directory import RunDirectory

SAME = {"input": "three letters"}


def names(folder):
    """What stands in a folder, but for the record of what was written."""
    return {path.name for path in folder.iterdir()} - {RECORD}


def contents(folder):
    """Their texts."""
    return {name: (folder / name).read_text() for name in names(folder)}


AT_ONCE = {"interval": 0, "share": 1e9}
"""Every mark is recorded."""


def stopped(place):
    """A run that is stopped behind its second mark, with more written than was marked."""
    with pytest.raises(KeyboardInterrupt) as caught, RunDirectory(place, SAME, **AT_ONCE) as files:
        table = files.open("a.txt")
        for number in (1, 2):
            table.write(f"row {number}\n")
            files.mark(number, lambda number=number: {"sum": number})
        table.write("row 3, which is")
        table.flush()
        raise KeyboardInterrupt
    return caught.value
