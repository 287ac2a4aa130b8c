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


SIGNALP6_NAMES = {
    "other": Organism.OTHER,
    "eukarya": Organism.EUKARYA,
    "euk": Organism.EUKARYA,
    "arch": Organism.OTHER,
    "gram+": Organism.OTHER,
    "gram-": Organism.OTHER,
}
"""SignalP 6's names of organisms and the aliases in use."""

BY_HEADER: Literal["auto"] = "auto"
"""Not an organism: each protein's header decides (`io.organism`)."""
OrganismChoice = Organism | Literal["auto"]
"""How the organism of a run's proteins is decided: one for all, or each by its header."""


def parse_choice(name: str) -> OrganismChoice:
    """The choice of a name: "eukarya", "other" or "auto". Raises OptionError for another."""
    if name == BY_HEADER:
        return BY_HEADER
    try:
        return Organism(name)
    except ValueError:
        raise OptionError(f"organism is 'eukarya', 'other' or 'auto', not {name!r}") from None
