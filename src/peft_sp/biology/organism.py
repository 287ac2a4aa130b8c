"""Organisms, as far as they decide which types of signal peptide exist."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from peft_sp.biology.grammar import EUKARYOTIC_TYPES, TYPES
from peft_sp.errors import OptionError


class Organism(StrEnum):
    """Eukaryotes have Sec/SPI signal peptides alone; all other organisms are one group."""

    EUKARYA = "eukarya"
    OTHER = "other"

    @property
    def types(self) -> tuple[str, ...]:
        """The types that exist there, NO_SP included."""
        return EUKARYOTIC_TYPES if self is Organism.EUKARYA else TYPES


BY_HEADER: Literal["auto"] = "auto"
"""Not an organism: each protein's header decides (`io.organism`)."""
OrganismChoice = Organism | Literal["auto"]
"""How the organism of a run's proteins is decided: one for all, or each by its header."""
NAMES: dict[str, OrganismChoice] = {
    "eukarya": Organism.EUKARYA,
    "other": Organism.OTHER,
    "auto": BY_HEADER,
    "euk": Organism.EUKARYA,
    "arch": Organism.OTHER,
    "gram+": Organism.OTHER,
    "gram-": Organism.OTHER,
}
"""Choices by name, in every command: our names, and those that SignalP 5 and 6 take."""


def parse_choice(name: str) -> OrganismChoice:
    """The choice of one of `NAMES`. Raises OptionError for another name."""
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise OptionError(f"organism is {name!r}; choose one of {known}")
    return NAMES[name]
