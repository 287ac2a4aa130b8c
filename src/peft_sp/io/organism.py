"""Eukarya or other, decided by the organism that a header names.

`domains.txt.xz` beside this file is made from NCBI Taxonomy (public domain) by
`scripts/domains.py`: the genera and higher taxa of eukaryotes and of bacteria and archaea, species
where both have a genus, and runs of taxonomy identifiers. Viruses belong to neither: the host's
machinery cuts their proteins.
"""

from __future__ import annotations

import lzma
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from peft_sp.biology.organism import Organism

TABLE = "domains.txt.xz"
LETTERS: dict[str, Organism | None] = {
    "e": Organism.EUKARYA,
    "o": Organism.OTHER,
    "-": None,
}
"""How the table marks a run of identifiers."""

_IDENTIFIER = re.compile(r"\b(?:OX|TaxID|taxid|tax_id)=(\d{1,9})\b")
_NAME = re.compile(r"\b(?:OS|Tax|organism|species)=")
_NEXT_FIELD = re.compile(r" \w+=| \||\](?=$| \[)")
_CHAIN = re.compile(r"[0-9][0-9A-Za-z]{3}_\d+\|Chains? ")
"""How PDB's headers begin, at whose end is an organism, as in "Homo sapiens (9606)"."""
_CHAIN_IDENTIFIER = re.compile(r"\((\d{1,9})\)$")
_REFSEQ: dict[str, Organism] = {"WP_": Organism.OTHER, "XP_": Organism.EUKARYA}
"""RefSeq's proteins of many prokaryotes, and its models of eukaryotic genes."""
_LONGEST = 300
"""Letters of a name that are looked through: headers may have millions."""
_PREFIXES = {"uncultured", "unclassified", "unidentified", "cf.", "aff."}
_VIRAL = re.compile(
    r"vir(?:us|uses|al|oid|idae)\b|phage|satellite|plasmid|vector|metagenome", re.IGNORECASE
)
_PROKARYOTE = re.compile(r"\bCandidatus\b|bacterium\b|\barchaeon\b")
"""Provisional names are given to prokaryotes alone."""
_GUEST = re.compile(r"symbio|epibio|parasite|associated|phytoplasma", re.IGNORECASE)
"""Words for what lives in the organism whose name comes first."""


def rules() -> dict[str, Any]:
    """What these rules go by, for the same rules in a browser."""
    return {
        "letters": LETTERS,
        "identifier": _IDENTIFIER,
        "name": _NAME,
        "nextField": _NEXT_FIELD,
        "chain": _CHAIN,
        "chainIdentifier": _CHAIN_IDENTIFIER,
        "refseq": _REFSEQ,
        "longest": _LONGEST,
        "prefixes": _PREFIXES,
        "viral": _VIRAL,
        "prokaryote": _PROKARYOTE,
        "guest": _GUEST,
    }


@dataclass(frozen=True, slots=True)
class Domains:
    """The table. names: of taxa, and of species as two words where both domains have the genus;
    starts: identifiers at which runs of one domain begin, and which it is.
    """

    names: dict[str, Organism]
    starts: list[int]
    runs: str


def table() -> str:
    """The text of the table that is inside the package."""
    packed = (files("peft_sp") / "io" / TABLE).read_bytes()
    return lzma.decompress(packed).decode("ascii")


@cache
def domains() -> Domains:
    """The table that is inside the package; read when it is first needed."""
    sections = dict(section.split("]\n", 1) for section in table().split("\n[")[1:])
    names: dict[str, Organism] = {}
    for organism in Organism:
        names.update(dict.fromkeys(sections[organism].split("\n"), organism))
    runs = sections["identifiers"].encode()
    # NumPy reads the 133,000 numbers in a seventh of the time: one protein waits for this too.
    lengths = np.fromstring(runs.translate(None, "".join(LETTERS).encode()), np.int64, sep=" ")
    letters = runs.translate(None, b"0123456789\n").decode()
    return Domains(names, lengths.cumsum().tolist(), letters)


def organism_of(header: str) -> Organism | None:
    """The organism that a header names; None where it names none.

    Read are, in this order: OX= (UniProt) or TaxID= (UniRef), OS= or Tax= or organism= (VEuPathDB,
    NCBI Datasets) or species=, the name in brackets at the end (NCBI), the identifier at the end of
    PDB's headers, and RefSeq's accessions WP_ and XP_.
    """
    if "=" in header:
        if (match := _IDENTIFIER.search(header)) and (known := _of_identifier(int(match[1]))):
            return known
        if (match := _NAME.search(header)) and (known := of_name(_field(header, match.end()))):
            return known
    if header.endswith("]") and (known := of_name(_in_brackets(header))):
        return known
    if header[4:5] == "_" and header[-1] == ")" and _CHAIN.match(header):
        own = _CHAIN_IDENTIFIER.search(header[-_LONGEST:])
        return None if own is None else _of_identifier(int(own[1]))
    return _REFSEQ.get(header[:3])


def _of_identifier(identifier: int) -> Organism | None:
    table = domains()
    run = bisect_right(table.starts, identifier) - 1
    return LETTERS[table.runs[run]] if run >= 0 else None


def _field(header: str, start: int) -> str:
    """The field that begins there, up to the next one."""
    text = header[start : start + _LONGEST]
    end = _NEXT_FIELD.search(text, 1)
    name = text[: end.start()] if end else text
    return name if " " in name else name.replace("_", " ")


def _in_brackets(header: str) -> str:
    """What the last bracket of a header holds, which may hold brackets itself."""
    name = header[header.rfind("[") + 1 : -1]
    if "]" not in name:
        return name
    depth = 0
    for position in range(len(header) - 1, max(len(header) - _LONGEST, -1), -1):
        depth += (header[position] == "]") - (header[position] == "[")
        if not depth:
            return header[position + 1 : -1]
    return ""


def is_viral(name: str) -> bool:
    """Whether a name is of a virus, or of something else that is no organism."""
    return _VIRAL.search(name) is not None


def of_name(name: str) -> Organism | None:
    """The domain of an organism's scientific name, at any rank, by its first words."""
    return _of_name(name[:_LONGEST])


@lru_cache(maxsize=1 << 14)
def _of_name(name: str) -> Organism | None:
    words = name.translate({ord(mark): None for mark in "[]'\"()"}).split()
    while words and words[0].lower() in _PREFIXES:
        del words[0]
    if not words or is_viral(name):
        return None
    if _PROKARYOTE.search(name):
        return Organism.OTHER
    names = domains().names
    domain = names.get(" ".join(words[:2])) or names.get(words[0])
    return None if domain is Organism.EUKARYA and _GUEST.search(" ".join(words[1:])) else domain
