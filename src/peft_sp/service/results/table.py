"""Rows of a job's `predictions.tsv`, found by their number and type without reading the others."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES
from peft_sp.io.writers import tables

_TYPE = tables.COLUMNS.index("type")
_NUMBERS = {name.encode(): number for number, name in enumerate(TYPES)}


@dataclass(frozen=True)
class Index:
    """Where the rows of a table begin, and their types, as numbers in `TYPES`."""

    path: Path
    head: str
    offsets: NDArray[np.int64]
    types: NDArray[np.uint8]

    def numbers(self, types: Sequence[str]) -> NDArray[np.int64]:
        """The numbers of the rows with one of some types; of all rows where there is none."""
        if not types:
            return np.arange(len(self.offsets))
        return np.flatnonzero(np.isin(self.types, [TYPES.index(name) for name in types]))

    def lines(self, numbers: NDArray[np.int64]) -> Iterator[str]:
        """The rows with these numbers, as they stand in the file."""
        behind = -1
        with self.path.open("rb") as file:
            for offset in self.offsets[numbers].tolist():
                if offset != behind:
                    file.seek(offset)
                line = file.readline()
                behind = offset + len(line)
                yield line.decode()


@lru_cache(maxsize=16)
def read_index(path: Path) -> Index:
    """Read a table that does not change any more; a million rows take 9 MB, and a second."""
    offsets, types = array("q"), array("B")
    with path.open("rb") as file:
        head = file.readline()
        offset = len(head)
        for line in file:
            offsets.append(offset)
            types.append(_NUMBERS[line.split(b"\t", _TYPE + 1)[_TYPE]])
            offset += len(line)
    return Index(
        path, head.decode(), np.frombuffer(offsets, np.int64), np.frombuffer(types, np.uint8)
    )
