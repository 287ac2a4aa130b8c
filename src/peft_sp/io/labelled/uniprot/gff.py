"""UniProt's GFF, which holds features alone, beside the FASTA file of the same proteins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot.entry import (
    COLUMNS,
    NON_TER,
    PASSED_OVER,
    Entry,
    Feature,
    checked_accession,
    evidence_codes,
    groups_of,
    length_of,
)
from peft_sp.wording import counted

BEGINS = b"##gff"
_REGION = "##sequence-region"
_SOURCE = "uniprot"
"""How the second column begins: what other programs write there is prediction."""
_ATTRIBUTE = re.compile(r"(?:^|;)(\w+)=([^;]*)")
_EXISTENCE = re.compile(r"\bPE=(\d)")
_ORGANISM = re.compile(r"\bOS=(.+?)(?= \w\w=|$)")
_IDENTIFIER = re.compile(r"\bOX=(\d+)")


@dataclass
class _Protein:
    """What a GFF file has of a protein; length: its residues, as the file counts them."""

    length: int | None = None
    features: list[Feature] = field(default_factory=list)
    unreadable: str = ""


def read(lines: Iterable[str], path: str, fasta: Iterable[str], fasta_path: str) -> Iterator[Entry]:
    """The proteins of a FASTA file with what a GFF file has of them.

    Raises InputError for a line that is none of UniProt's GFF, and for proteins that are in one
    file alone: of those that UniProt knows no features it has at least the length.
    """
    annotated: dict[str, _Protein] = defaultdict(_Protein)
    for number, line in enumerate(lines, 1):
        if line.startswith("##FASTA"):
            break
        if line.startswith(_REGION):
            _read_region(line, annotated)
        elif not line.startswith("#") and line.strip():
            _read_feature(line, annotated, path, number)
    for number, header, sequence in _records(fasta):
        yield _entry(header, sequence, annotated, (path, fasta_path, number))
    if annotated:
        raise InputError(
            f"has features of {counted(len(annotated), 'protein')} that the FASTA file lacks, "
            f"'{next(iter(annotated))}' the first; give the FASTA file of the same proteins",
            path=path,
        )


def _read_region(line: str, annotated: dict[str, _Protein]) -> None:
    words = line.split()
    if len(words) == 4 and (length := length_of(words[3])) is not None:
        annotated[words[1]].length = length


def _read_feature(line: str, annotated: dict[str, _Protein], path: str, number: int) -> None:
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) < 9:
        problem = "a line of GFF has nine columns; if the file is cut off, download it again"
        raise InputError(problem, path=path, line=number, record=cells[0])
    if not cells[1].lower().startswith(_SOURCE):
        raise InputError(
            f"the source '{cells[1]}' is not UniProt; what programs predict is no annotation",
            path=path,
            line=number,
            record=cells[0],
        )
    protein, name = annotated[cells[0]], cells[2].lower().replace("_", " ")
    if name in PASSED_OVER.values():
        return
    if name not in COLUMNS:
        protein.unreadable = f"an unknown feature {cells[2]} that cannot be read"
        return
    values = dict(_ATTRIBUTE.findall(cells[8]))
    start, end = ("?" if cell == "." else cell for cell in cells[3:5])
    note, codes = unquote(values.get("Note", "")), evidence_codes(cells[8])
    try:
        protein.features.append(Feature.at(COLUMNS[name], start, end, note, codes))
    except ValueError:
        protein.unreadable = f"a feature {cells[2]} that cannot be read"


def _records(fasta: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Line, header and sequence of each record."""
    begin, header, parts = 0, "", list[str]()
    for number, line in enumerate(fasta, 1):
        if line.startswith(">"):
            if begin:
                yield begin, header, "".join(parts)
            begin, header, parts = number, line[1:].strip(), []
        else:
            parts.append("".join(line.split()))
    if begin:
        yield begin, header, "".join(parts)


def _entry(
    header: str, sequence: str, annotated: dict[str, _Protein], where: tuple[str, str, int]
) -> Entry:
    """A protein; what is known of it is taken from `annotated`.

    where: the GFF file, the FASTA file and the line of the record in that.
    """
    path, fasta_path, line = where
    name = (header.split() or [""])[0]
    source, *parts = name.split("|")
    accession = checked_accession(parts[0] if parts else name, fasta_path, line)
    if accession not in annotated:
        raise InputError(
            f"has no line '{_REGION} {accession}', but the FASTA file has this protein; if the "
            "file is cut off, download it again, else give the FASTA file of the same proteins",
            path=path,
            record=accession,
        )
    own = annotated.pop(accession)
    organism, identifier = _ORGANISM.search(header), _IDENTIFIER.search(header)
    existence = _EXISTENCE.search(header)
    return Entry(
        accession=accession,
        sequence=sequence.upper(),
        features=tuple(own.features),
        groups=groups_of("", organism[1] if organism else "", identifier[1] if identifier else ""),
        reviewed={"sp": True, "tr": False}.get(source) if parts else None,
        existence=int(existence[1]) if existence else None,
        fragment="(Fragment" in header and not any(f.kind == NON_TER for f in own.features),
        length=own.length,
        unreadable=own.unreadable,
        lineage_in="GFF and FASTA have no lineage",
    )
