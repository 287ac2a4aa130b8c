"""Results of windows, kept for later proteins that begin with the same residues."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import (
    MARGINAL_COLUMNS,
    REGIONS,
    CleavageSite,
    Marginals,
    Region,
)

CACHED = 20_000
"""Windows whose results are kept."""

Key = tuple[str, str]
"""A window and the organism that it is predicted for."""
Result = tuple[
    int, tuple[float, ...], tuple[CleavageSite, ...], tuple[Region, ...], Marginals | None
]
"""Number of the type, probabilities, cleavage sites, regions, marginals."""


class WindowCache:
    """The latest results, at most `size`; where there are more, the oldest go.

    The last bits of a result may depend on the windows that were computed beside it, so a run
    that is to be resumed exactly takes its cache along: `state` is plain data for JSON. Results
    with marginals take too much room to be kept from chunk to chunk.

    settled: proteins in all chunks that are done; pending: results of the chunk in progress, by the
    batch. What was computed of a chunk thus survives a kill, and batches stay as they were.
    """

    def __init__(self, size: int = CACHED) -> None:
        self.size = size
        self.settled = 0
        self.pending: dict[Key, Result] = {}
        self._results: dict[Key, Result] = {}

    def known(self, keys: Iterable[Key]) -> dict[Key, Result]:
        """The results that are in the cache, of those asked for."""
        return {key: self._results[key] for key in keys if key in self._results}

    def settle(self, proteins: int, keep: bool = True) -> None:
        """A chunk of proteins is done; keep: its results are for later chunks, too."""
        if keep:
            self._results.update(self.pending)
            for key in list(islice(self._results, max(len(self._results) - self.size, 0))):
                del self._results[key]
        self.settled += proteins
        self.pending = {}

    def state(self) -> dict[str, Any]:
        """Everything in the cache, oldest first."""
        return {
            "settled": self.settled,
            "results": _plain(self._results),
            "pending": _plain(self.pending),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hold what `state` gave, and nothing else. Raises ValueError for anything else."""
        self.settled = state["settled"]
        self._results, self.pending = _results(state["results"]), _results(state["pending"])


def _plain(results: Mapping[Key, Result]) -> list[list[Any]]:
    """Results as data for JSON, which keeps every bit of them."""
    return [
        [
            *(*key, kind, probabilities),
            [(site.type, site.position, site.probability) for site in sites],
            [(region.name, region.start, region.end) for region in regions],
            marginals and [_packed(marginals.regions), _packed(marginals.cleavage)],
        ]
        for key, (kind, probabilities, sites, regions, marginals) in results.items()
    ]


def _results(plain: Iterable[list[Any]]) -> dict[Key, Result]:
    found: dict[Key, Result] = {}
    for window, organism, kind, probabilities, sites, regions, marginals in plain:
        result = (
            *(kind, tuple(probabilities)),
            tuple(CleavageSite(*site) for site in sites),
            tuple(Region(*region) for region in regions),
            marginals and Marginals(_unpacked(marginals[0], len(window)), _unpacked(marginals[1])),
        )
        if not _fits(window, result):
            raise ValueError(f"no result of {window}")
        found[window, organism] = result
    return found


def _fits(window: str, result: Result) -> bool:
    """Whether a result can be one of this window."""
    kind, probabilities, sites, regions, marginals = result
    length = len(window)
    shapes = (length, len(MARGINAL_COLUMNS)), (length,)
    numbers = [kind + 1, *(site.position for site in sites)]
    numbers += [number for region in regions for number in (region.start, region.end)]
    chances = (*probabilities, *(site.probability for site in sites))
    return (
        all(type(number) is int and number > 0 for number in numbers)
        and kind < len(TYPES)
        and len(probabilities) == len(TYPES)
        and all(0 <= chance <= 1 for chance in chances)
        and all(site.type in TYPES and site.position <= length for site in sites)
        and all(r.name in REGIONS and r.start <= r.end <= length for r in regions)
        and (not marginals or (marginals.regions.shape, marginals.cleavage.shape) == shapes)
    )


def _packed(values: NDArray[np.float32]) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _unpacked(packed: str, rows: int | None = None) -> NDArray[np.float32]:
    """Values as they were packed, read-only; in a table of so many rows."""
    values = np.frombuffer(base64.b64decode(packed), dtype=np.float32)
    return values if rows is None else values.reshape(rows, -1)
