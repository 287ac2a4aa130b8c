"""What goes in and what comes out, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import DECLARATIONS, NO_SP, STATES, TOPOLOGY, TYPES, WINDOW

REGION_OF_NAME = {
    "N": "n-region",
    "P": "n-region",
    "RR": "twin-arginine motif",
    "H": "h-region",
    "C": "c-region",
}
_LIPOBOX = {"CS": "lipobox", "C1": "lipid-modified cysteine"}
_PILIN_MOTIF = {"CS": "pilin motif"}


def _region(type_name: str, state_name: str) -> str:
    special = _PILIN_MOTIF if type_name == "PILIN" else _LIPOBOX
    return REGION_OF_NAME.get(state_name) or special.get(state_name, "")


REGION_OF_STATE = tuple(_region(state.type, state.name) for state in STATES)
"""Region a state stands for, "" for topology."""
MECHANISM_OF_TYPE = {declaration.name: declaration.mechanism for declaration in DECLARATIONS}

OTHER = "Other"
_COLUMN_OF_NAME = {
    **{"N": "n", "H": "h", "C": "c", "RR": "RR", "P": "P"},
    **{"CS": "lipobox", "C1": "cys"},
}


def _column(type_name: str, state_name: str) -> str:
    if state_name in TOPOLOGY:
        return OTHER
    conserved = type_name == "PILIN" and state_name == "CS"
    name = "cons." if conserved else _COLUMN_OF_NAME[state_name]
    return f"{MECHANISM_OF_TYPE[type_name]} {name}"


COLUMN_OF_STATE = tuple(_column(state.type, state.name) for state in STATES)
"""Column of `Marginals.regions` that a state adds to."""
MARGINAL_COLUMNS = tuple(dict.fromkeys(COLUMN_OF_STATE))
"""What `Marginals.regions` tells apart: "Other" (no signal peptide, or behind it), then regions by
mechanism, as "Sec/SPI n", named as SignalP 6 names them, which has none for a lipobox."""


@dataclass(frozen=True, slots=True)
class Protein:
    """A cleaned protein: upper case, only letters that a network knows, never empty.

    header: the whole header line without '>'; warnings: what cleaning changed;
    line: of the header in its file, 0 where there is none.
    """

    header: str
    sequence: str
    warnings: tuple[str, ...] = ()
    line: int = 0

    @property
    def id(self) -> str:
        """The header's first word."""
        return (self.header.split(None, 1) or [""])[0]

    @property
    def window(self) -> str:
        """The residues that are read."""
        return self.sequence[:WINDOW]


@dataclass(frozen=True, slots=True)
class Region:
    """A run of residues start..end, 1-based and inclusive."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Marginals:
    """What is likely at each of a window's L residues.

    regions (L, R) float32: P(region at the residue), columns as in `MARGINAL_COLUMNS`; each row
    sums to 1. cleavage (L,) float32: P(the predicted type, and a cut behind the residue), zero
    without a signal peptide; largest at the predicted site.
    """

    regions: NDArray[np.float32]
    cleavage: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one protein.

    type: one of `TYPES`; probabilities: P(type) in the order of `TYPES`, 0 for types that were
    excluded; cleavage_site: 1-based last residue before the cut; cleavage_probability: P(this
    type and this cut); both None without a signal peptide. regions: in order. marginals: None
    unless they were asked for; two predictions are not compared by them. organism: "eukarya" or
    "other", as it was predicted; undecided: as "other" because the header does not say.
    """

    protein: Protein
    type: str
    probabilities: tuple[float, ...]
    cleavage_site: int | None = None
    cleavage_probability: float | None = None
    regions: tuple[Region, ...] = ()
    marginals: Marginals | None = field(default=None, compare=False, repr=False)
    organism: str = "other"
    undecided: bool = False

    @property
    def id(self) -> str:
        """The protein's id."""
        return self.protein.id

    @property
    def is_signal_peptide(self) -> bool:
        """Whether any type of signal peptide is predicted."""
        return self.type != NO_SP

    @property
    def probability(self) -> float:
        """P(the predicted type)."""
        return self.probabilities[TYPES.index(self.type)]

    @property
    def mature(self) -> str:
        """The sequence without its signal peptide."""
        return self.protein.sequence[self.cleavage_site or 0 :]
