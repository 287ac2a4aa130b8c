"""Where two models disagree on a job's proteins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peft_sp.io.writers import tables

_TYPE, _SITE = (tables.COLUMNS.index(name) for name in ("type", "cleavage_site"))


def disagreements(first: Path, second: Path) -> Iterator[dict[str, Any]]:
    """Of each protein with another type or cleavage site: its index, and what the second says.

    first, second: tables of the same proteins.
    """
    with first.open(encoding="utf-8") as one, second.open(encoding="utf-8") as other:
        next(one), next(other)
        for index, (line, own) in enumerate(zip(one, other, strict=True)):
            cells, theirs = line.split("\t"), own.split("\t")
            if (cells[_TYPE], cells[_SITE]) != (theirs[_TYPE], theirs[_SITE]):
                row = tables.parsed(own)
                yield {
                    "index": index,
                    "type": row["type"],
                    "site": row["cleavage_site"],
                    "probability": row[f"p_{row['type'].lower()}"],
                }
