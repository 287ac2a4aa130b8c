"""Results of windows, kept for later proteins that begin with the same residues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from peft_sp.biology.prediction import Marginals, Region

REMEMBERED = 20_000
"""Windows whose results are kept."""

Key = tuple[str, str]
"""A window and the organism that it is predicted for."""
Result = tuple[int, tuple[float, ...], int, float, tuple[Region, ...], Marginals | None]
"""Number of the type, probabilities, cleavage site or 0, its probability, regions, marginals."""


class Memory:
    """What was computed lately; where there is too much, the oldest goes.

    The last bits of a result may depend on the windows that were computed beside it, so a run
    that is to go on exactly takes its memory along: `state` is plain data for JSON. Results with
    marginals are not for it.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self.most = most
        self._results: dict[Key, Result] = {}

    def known(self, keys: Iterable[Key]) -> dict[Key, Result]:
        """The results that are remembered of those asked for."""
        return {key: self._results[key] for key in keys if key in self._results}

    def add(self, results: Mapping[Key, Result]) -> None:
        """Remember results; those that are known already must be what they were."""
        self._results.update(results)
        for key in list(islice(self._results, max(len(self._results) - self.most, 0))):
            del self._results[key]

    def state(self) -> list[list[Any]]:
        """Everything remembered, oldest first."""
        return [
            [*key, *result[:4], [(r.name, r.start, r.end) for r in result[4]]]
            for key, result in self._results.items()
        ]

    def restore(self, state: Iterable[list[Any]]) -> None:
        """Remember what `state` gave, and nothing else."""
        self._results = {
            (window, organism): (
                *(kind, tuple(shares), site, chance),
                tuple(Region(*region) for region in regions),
                None,
            )
            for window, organism, kind, shares, site, chance, regions in state
        }
