"""What goes in and what comes out, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from peft_sp.biology.grammar import DECLARATIONS, NO_SP, STATES, TYPES, WINDOW

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


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one protein.

    type: one of `TYPES`; probabilities: P(type) in the order of `TYPES`, 0 for types that were
    excluded; cleavage_site: 1-based last residue before the cut; cleavage_probability: P(this
    type and this cut); both None without a signal peptide. regions: in order.
    """

    protein: Protein
    type: str
    probabilities: tuple[float, ...]
    cleavage_site: int | None = None
    cleavage_probability: float | None = None
    regions: tuple[Region, ...] = ()

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
