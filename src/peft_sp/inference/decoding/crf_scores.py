"""What the decoder needs of a trained network beside its emissions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Temperatures:
    """By which log probabilities are divided, so that they are calibrated (Guo et al. 2017).

    types: those of a protein's types; eukarya: the same of eukaryotes, None for no other than
    `types`; sites: those of the cleavage sites of a type. They change no predicted type, site or
    region.
    """

    types: float = 1.0
    eukarya: float | None = None
    sites: float = 1.0

    def of_types(self, eukaryotic: NDArray[np.bool_] | None, count: int) -> NDArray[np.float64]:
        """The temperature (B,) of each protein's types; eukaryotic (B,): None for no protein."""
        own = np.full(count, self.types)
        if eukaryotic is not None and self.eukarya is not None:
            own[eukaryotic] = self.eukarya
        return own


UNCALIBRATED = Temperatures()


@dataclass(frozen=True)
class CrfScores:
    """Scores of transitions (S, S), starts (S,) and ends (S,); forbidden ones are not read."""

    transitions: NDArray[np.floating]
    starts: NDArray[np.floating]
    ends: NDArray[np.floating]
    temperatures: Temperatures = UNCALIBRATED
