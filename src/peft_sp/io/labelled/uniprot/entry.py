"""A protein as UniProt annotates it, from whichever of its formats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from peft_sp.biology.organism import Organism
from peft_sp.io.organism import organism_of

SIGNAL, TRANSIT, LIPID = "SIGNAL", "TRANSIT", "LIPID"
TRANSMEM, TOPO_DOM = "TRANSMEM", "TOPO_DOM"
PROPEP, MOD_RES, NON_TER = "PROPEP", "MOD_RES", "NON_TER"
KINDS = (SIGNAL, TRANSIT, LIPID, TRANSMEM, TOPO_DOM, PROPEP, MOD_RES, NON_TER)
"""Features that are read, by their keys in UniProt's text."""

_POSITIVE = {"Bacillota", "Firmicutes", "Actinomycetota", "Actinobacteria"}
_NO_GROUP = {"Mycoplasmatota", "Tenericutes", "Mollicutes"}
_NAME = re.compile(r"[A-Z][A-Za-z]+")
_CODE = re.compile(r"ECO:\d{7}")


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of a sequence.

    start, end: 1-based, inclusive, None where unknown; exact: neither end is in doubt ("?", "<",
    ">"); evidence: codes of the Evidence and Conclusion Ontology.
    """

    kind: str
    start: int | None
    end: int | None
    exact: bool = True
    note: str = ""
    evidence: tuple[str, ...] = ()

    @staticmethod
    def at(kind: str, start: str, end: str, note: str, evidence: Iterable[str] = ()) -> Feature:
        """A feature whose positions are as UniProt writes them: "1", "?", "<1", "?18"."""
        numbers = [re.sub("[<>?]", "", text) for text in (start, end)]
        first, last = (int(number) if number.isdigit() else None for number in numbers)
        exact = first is not None and last is not None and numbers == [start, end]
        return Feature(kind, first, last, exact, note, tuple(evidence))


@dataclass(frozen=True, slots=True)
class Entry:
    """A protein and what is known of it.

    group: its organism group, None where that is not known; reviewed: by a curator, None where
    the file does not say; existence: 1 (evidence of the protein itself) to 5, None likewise;
    fragment: whether the file says that its start is missing.
    """

    accession: str
    sequence: str
    features: tuple[Feature, ...] = ()
    group: str | None = None
    reviewed: bool | None = None
    existence: int | None = None
    fragment: bool = False

    def of(self, kind: str) -> list[Feature]:
        """Its features of one kind."""
        return [feature for feature in self.features if feature.kind == kind]


def evidence_codes(text: str) -> tuple[str, ...]:
    """The evidence codes that a text holds."""
    return tuple(dict.fromkeys(_CODE.findall(text)))


def group_of(lineage: str, organism: str = "", identifier: str = "") -> str | None:
    """The organism group of a lineage, or, where that is not given, of an organism's name.

    Gram-positive are Bacillota (Firmicutes) and Actinomycetota (Actinobacteria), Gram-negative
    all other bacteria but mycoplasmas, which have no such wall. A name or identifier alone tells
    eukaryotes. None for others and for viruses.
    """
    names = set(_NAME.findall(lineage))
    if "Eukaryota" in names:
        return "EUKARYA"
    if "Archaea" in names:
        return "ARCHAEA"
    if "Bacteria" in names:
        if names & _NO_GROUP:
            return None
        return "POSITIVE" if names & _POSITIVE else "NEGATIVE"
    if names:
        return None
    header = f"OS={organism}" + (f" OX={identifier}" if identifier else "")
    return "EUKARYA" if organism_of(header) is Organism.EUKARYA else None
