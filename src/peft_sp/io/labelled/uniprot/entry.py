"""A protein as UniProt annotates it, from whichever of its formats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from peft_sp.biology.grammar import ORGANISM_GROUPS
from peft_sp.biology.organism import Organism
from peft_sp.errors import InputError
from peft_sp.io.organism import is_viral, organism_of

SIGNAL, TRANSIT, LIPID = "SIGNAL", "TRANSIT", "LIPID"
TRANSMEM, TOPO_DOM = "TRANSMEM", "TOPO_DOM"
PROPEP, MOD_RES, NON_TER = "PROPEP", "MOD_RES", "NON_TER"
KINDS = (SIGNAL, TRANSIT, LIPID, TRANSMEM, TOPO_DOM, PROPEP, MOD_RES, NON_TER)
"""Features that are read, by their keys in UniProt's text."""

COLUMNS = {
    "signal peptide": SIGNAL,
    "transit peptide": TRANSIT,
    "lipidation": LIPID,
    "transmembrane": TRANSMEM,
    "topological domain": TOPO_DOM,
    "propeptide": PROPEP,
    "modified residue": MOD_RES,
    "non-terminal residue": NON_TER,
}
"""What its tables and GFF call them."""
PASSED_OVER = {
    "INIT_MET": "initiator methionine",
    "CHAIN": "chain",
    "PEPTIDE": "peptide",
    "INTRAMEM": "intramembrane",
    "DOMAIN": "domain",
    "REPEAT": "repeat",
    "CA_BIND": "calcium binding",
    "ZN_FING": "zinc finger",
    "DNA_BIND": "dna binding",
    "NP_BIND": "nucleotide binding",
    "REGION": "region",
    "COILED": "coiled coil",
    "MOTIF": "motif",
    "COMPBIAS": "compositional bias",
    "ACT_SITE": "active site",
    "METAL": "metal binding",
    "BINDING": "binding site",
    "SITE": "site",
    "NON_STD": "non-standard residue",
    "CARBOHYD": "glycosylation",
    "DISULFID": "disulfide bond",
    "CROSSLNK": "cross-link",
    "VAR_SEQ": "alternative sequence",
    "VARIANT": "natural variant",
    "MUTAGEN": "mutagenesis",
    "UNSURE": "sequence uncertainty",
    "CONFLICT": "sequence conflict",
    "NON_CONS": "non-adjacent residues",
    "HELIX": "helix",
    "STRAND": "beta strand",
    "TURN": "turn",
    "SE_CYS": "selenocysteine",
    "SIMILAR": "similarity",
    "THIOETH": "thioether bond",
    "THIOLEST": "thioester bond",
}
"""Features that are not read, by their keys in the text, and what GFF calls them; the last four are
of early releases."""

_POSITIVE = {"Bacillota", "Firmicutes", "Actinomycetota", "Actinobacteria"}
_NO_GROUP = {"Mycoplasmatota", "Tenericutes", "Mollicutes"}
_NAME = re.compile(r"[A-Z][A-Za-z]+")
_DOMAINS = {"EUKARYA": "Eukaryota", "ARCHAEA": "Archaea"}
_GROUPS_OF = {
    Organism.EUKARYA: ("EUKARYA",),
    Organism.OTHER: tuple(group for group in ORGANISM_GROUPS if group != "EUKARYA"),
}
_POSITION = re.compile(r"[<>]?[1-9]\d{0,8}|\?(?:[1-9]\d{0,8})?", re.ASCII)
_DIGITS = 9
"""Digits that the number of a protein's residues may have."""
_ISOFORM = re.compile(r"\w+(?:-\d+)?:\S+")
"""A place in another isoform, as "P12345-2:1..20"."""
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
        """A feature whose positions are as UniProt writes them: "1", "?", "<1", "?18".

        Raises ValueError where they are none.
        """
        if not (_POSITION.fullmatch(start) and _POSITION.fullmatch(end)):
            raise ValueError(f"no positions: {start}, {end}")
        numbers = [re.sub("[<>?]", "", text) for text in (start, end)]
        first, last = (int(number) if number else None for number in numbers)
        if first is not None and last is not None and first > last:
            raise ValueError(f"{first} is behind {last}")
        exact = first is not None and last is not None and numbers == [start, end]
        return Feature(kind, first, last, exact, note, tuple(evidence))

    @staticmethod
    def within(kind: str, place: str, note: str, evidence: Iterable[str] = ()) -> Feature | None:
        """A feature at a place such as "1..21" or "22"; None where it is of another isoform.

        Raises ValueError where the place cannot be read.
        """
        if _ISOFORM.fullmatch(place):
            return None
        start, dots, end = place.partition("..")
        return Feature.at(kind, start, end if dots else start, note, evidence)


@dataclass(frozen=True, slots=True)
class Entry:
    """A protein and what is known of it.

    groups: the organism groups that it may belong to; reviewed: by a curator, None where the file
    does not say; existence: 1 (evidence of the protein itself) to 5, None likewise; fragment:
    whether the file says that its start is missing; length: its residues as the file counts them;
    unreadable: what of its annotation cannot be read, as a sentence, "" for nothing; lineage_in:
    where the file lacks the lineage, by which the group is known.
    """

    accession: str
    sequence: str
    features: tuple[Feature, ...] = ()
    groups: tuple[str, ...] = ORGANISM_GROUPS
    reviewed: bool | None = None
    existence: int | None = None
    fragment: bool = False
    length: int | None = None
    unreadable: str = ""
    lineage_in: str = ""

    @property
    def group(self) -> str | None:
        """Its organism group; None where that is not known, or where it belongs to none."""
        return self.groups[0] if len(self.groups) == 1 else None

    def of(self, kind: str) -> list[Feature]:
        """Its features of one kind."""
        return [feature for feature in self.features if feature.kind == kind]


def length_of(text: str) -> int | None:
    """The number of residues that a text gives, None where it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
    return int(text) if is_number else None


def evidence_codes(text: str) -> tuple[str, ...]:
    """The evidence codes that a text holds."""
    return tuple(dict.fromkeys(_CODE.findall(text)))


def checked_accession(text: str, path: str, line: int) -> str:
    """An accession, which is a word that fits into a header. Raises InputError."""
    if not text:
        raise InputError("this protein has no accession; give it one", path=path, line=line)
    if len(text.split()) != 1 or text.strip() != text or "|" in text:
        problem = f"'{text}' is no accession: it has blanks or '|'; give it without them"
        raise InputError(problem, path=path, line=line)
    return text


def groups_of(lineage: str, organism: str = "", identifier: str = "") -> tuple[str, ...]:
    """The organism groups that a lineage, or, without one, an organism's name allows.

    Gram-positive are Bacillota (Firmicutes) and Actinomycetota (Actinobacteria), Gram-negative
    all other bacteria but mycoplasmas, which have no such wall. Those and viruses belong to none.
    A name or identifier alone tells eukaryotes from others.
    """
    names = set(_NAME.findall(lineage))
    if not names and not is_viral(organism):
        header = f"OS={organism}" + (f" OX={identifier}" if identifier else "")
        known = organism_of(header)
        return ORGANISM_GROUPS if known is None else _GROUPS_OF[known]
    if "Bacteria" in names and not names & _NO_GROUP:
        return ("POSITIVE" if names & _POSITIVE else "NEGATIVE",)
    return tuple(group for group, name in _DOMAINS.items() if name in names)
