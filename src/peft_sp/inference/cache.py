"""Results of windows, kept for later proteins that begin with the same residues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from peft_sp.biology.prediction import CleavageSite, Marginals, Region

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
    with marginals take too much room for it.
    """

    def __init__(self, size: int = CACHED) -> None:
        self.size = size
        self._results: dict[Key, Result] = {}

    def known(self, keys: Iterable[Key]) -> dict[Key, Result]:
        """The results that are in the cache, of those asked for."""
        return {key: self._results[key] for key in keys if key in self._results}

    def add(self, results: Mapping[Key, Result]) -> None:
        """Keep results; those that are in the cache already must be what they were."""
        self._results.update(results)
        for key in list(islice(self._results, max(len(self._results) - self.size, 0))):
            del self._results[key]

    def state(self) -> list[list[Any]]:
        """Everything in the cache, oldest first."""
        return [
            [
                *(*key, kind, probabilities),
                [(site.type, site.position, site.probability) for site in sites],
                [(region.name, region.start, region.end) for region in regions],
            ]
            for key, (kind, probabilities, sites, regions, _) in self._results.items()
        ]

    def restore(self, state: Iterable[list[Any]]) -> None:
        """Hold what `state` gave, and nothing else."""
        self._results = {
            (window, organism): (
                *(kind, tuple(probabilities)),
                tuple(CleavageSite(*site) for site in sites),
                tuple(Region(*region) for region in regions),
                None,
            )
            for window, organism, kind, probabilities, sites, regions in state
        }
