"""UniProt's GFF, which holds features alone, beside the FASTA file of the same proteins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot.entry import (
    KINDS,
    LIPID,
    MOD_RES,
    NON_TER,
    PROPEP,
    SIGNAL,
    TOPO_DOM,
    TRANSIT,
    TRANSMEM,
    Entry,
    Feature,
    evidence_codes,
    group_of,
)

BEGINS = b"##gff"
_TYPES = {
    "signal peptide": SIGNAL,
    "transit peptide": TRANSIT,
    "lipidation": LIPID,
    "transmembrane": TRANSMEM,
    "topological domain": TOPO_DOM,
    "propeptide": PROPEP,
    "modified residue": MOD_RES,
    "non-terminal residue": NON_TER,
}
_ATTRIBUTE = re.compile(r"(?:^|;)(\w+)=([^;]*)")
_EXISTENCE = re.compile(r"\bPE=(\d)")
_ORGANISM = re.compile(r"\bOS=(.+?)(?= \w\w=|$)")
_IDENTIFIER = re.compile(r"\bOX=(\d+)")


def read(lines: Iterable[str], path: str, fasta: Iterable[str]) -> Iterator[Entry]:
    """The proteins of a FASTA file with the features that a GFF file has of them.

    Raises InputError for a line that is none of GFF, and for features of proteins that are not in
    the FASTA file.
    """
    features: dict[str, list[Feature]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        if line.startswith("##FASTA"):
            break
        if line.startswith("#") or not line.strip():
            continue
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) < 9:
            raise InputError("a line of GFF has nine columns", path=path, line=number)
        kind = _TYPES.get(cells[2].lower().replace("_", " "), cells[2])
        if kind not in KINDS:
            continue
        values = dict(_ATTRIBUTE.findall(cells[8]))
        features[cells[0]].append(
            Feature.at(
                kind, cells[3], cells[4], unquote(values.get("Note", "")), evidence_codes(cells[8])
            )
        )
    for header, sequence in _records(fasta):
        yield _entry(header, sequence, features)
    if features:
        raise InputError(
            f"has features of {len(features):,} proteins that the FASTA file lacks, "
            f"'{next(iter(features))}' the first",
            path=path,
        )


def _records(fasta: Iterable[str]) -> Iterator[tuple[str, str]]:
    header, parts = "", list[str]()
    for line in fasta:
        if line.startswith(">"):
            if header:
                yield header, "".join(parts)
            header, parts = line[1:].strip(), []
        else:
            parts.append("".join(line.split()))
    if header:
        yield header, "".join(parts)


def _entry(header: str, sequence: str, features: dict[str, list[Feature]]) -> Entry:
    """A protein; its features are taken from `features`."""
    name = (header.split() or [""])[0]
    source, *parts = name.split("|")
    accession = parts[0] if parts else name
    organism, identifier = _ORGANISM.search(header), _IDENTIFIER.search(header)
    existence = _EXISTENCE.search(header)
    own = features.pop(accession, [])
    return Entry(
        accession=accession,
        sequence=sequence.upper(),
        features=tuple(own),
        group=group_of("", organism[1] if organism else "", identifier[1] if identifier else ""),
        reviewed={"sp": True, "tr": False}.get(source) if parts else None,
        existence=int(existence[1]) if existence else None,
        fragment="(Fragment" in header and not any(f.kind == NON_TER for f in own),
    )
