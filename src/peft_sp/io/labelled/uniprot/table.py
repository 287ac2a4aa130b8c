"""UniProt's tab-separated tables, with whichever columns were chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot.entry import (
    COLUMNS,
    Entry,
    Feature,
    checked_accession,
    evidence_codes,
    groups_of,
    length_of,
)
from peft_sp.wording import counted

_NEEDED = ("entry", "sequence", "signal peptide", "lipidation", "transmembrane", "propeptide")
"""Columns without which a type would be guessed."""
_FIELDS = {
    "accession": "entry",
    "organism_id": "organism (id)",
    "organism id": "organism (id)",
    "organism_name": "organism",
    "lineage": "taxonomic lineage",
    "protein_existence": "protein existence",
    "ft_signal": "signal peptide",
    "ft_transit": "transit peptide",
    "ft_lipid": "lipidation",
    "ft_transmem": "transmembrane",
    "ft_topo_dom": "topological domain",
    "ft_propep": "propeptide",
    "ft_mod_res": "modified residue",
    "ft_non_ter": "non-terminal residue",
}
"""Other names of columns: those of fields, as programs ask for them."""
_LINEAGE = "taxonomic lineage"
_EXISTENCE = ("protein level", "transcript level", "homology", "predicted", "uncertain")
_NOTE = re.compile(r'/note="?([^";]*)')


def read(lines: Iterator[str], path: str) -> Iterator[Entry]:
    """The proteins of a table. Raises InputError for columns that lack and rows that are short."""
    names = [_column(name) for name in next(lines, "").rstrip("\r\n").split("\t")]
    if lacking := [name for name in _NEEDED if name not in names]:
        columns = ", ".join(name.capitalize() for name in lacking)
        raise InputError(
            f"the table lacks the columns {columns}; add them under 'Customize columns' and "
            "download it again",
            path=path,
            line=1,
        )
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        cells = [_cell(text) for text in line.rstrip("\r\n").split("\t")]
        if len(cells) != len(names):
            raise InputError(
                f"{counted(len(cells), 'column')}, but the first line names {len(names)}; if the "
                "file is cut off, download it again",
                path=path,
                line=number,
                record=cells[0],
            )
        yield _entry(dict(zip(names, cells, strict=True)), path, number)


def _column(name: str) -> str:
    name = _cell(name).strip().lower()
    if name.startswith(_LINEAGE) and "id" not in name.split("(")[-1]:
        return _LINEAGE
    return _FIELDS.get(name, name)


def _cell(text: str) -> str:
    """A cell as UniProt wrote it, also where a spreadsheet has quoted it since."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"')
    return text


def _entry(row: dict[str, str], path: str, line: int) -> Entry:
    reviewed = row.get("reviewed", row.get("status", "")).lower()
    level = row.get("protein existence", "").lower()
    existence = [number for number, word in enumerate(_EXISTENCE, 1) if word in level]
    features: list[Feature] = []
    unreadable = ""
    for column, kind in COLUMNS.items():
        try:
            features += _features(kind, row.get(column, ""))
        except ValueError:
            unreadable = unreadable or f"a cell {column.capitalize()} that cannot be read"
    length = row.get("length", "").strip().replace(",", "")
    return Entry(
        accession=checked_accession(row["entry"], path, line),
        sequence="".join(row["sequence"].split()).upper(),
        features=tuple(features),
        groups=groups_of(
            row.get(_LINEAGE, ""), row.get("organism", ""), row.get("organism (id)", "")
        ),
        reviewed=None if not reviewed else reviewed == "reviewed",
        existence=existence[0] if existence else None,
        fragment="non-terminal residue" not in row and "fragment" in row.get("fragment", ""),
        length=length_of(length),
        unreadable=unreadable,
        lineage_in="" if _LINEAGE in row else "the table has no column Taxonomic lineage",
    )


def _features(kind: str, text: str) -> list[Feature]:
    """The features of a cell: `SIGNAL 1..21; /evidence="ECO:0000255"; SIGNAL ...`.

    Raises ValueError where a part of the cell is none.
    """
    cell = text.strip()
    starts = list(re.finditer(rf"(?:^|;\s*){kind}\s+([^;]*)", cell, re.IGNORECASE))
    if cell and (not starts or starts[0].start()):
        raise ValueError(cell)
    found = []
    for match, following in zip_longest(starts, starts[1:]):
        rest = cell[match.end() : following.start() if following else None].strip("; ")
        if rest and not rest.startswith("/"):
            raise ValueError(cell)
        note = _NOTE.search(rest)
        feature = Feature.within(
            kind, match[1].strip(), note[1] if note else "", evidence_codes(rest.upper())
        )
        if feature is not None:
            found.append(feature)
    return found
