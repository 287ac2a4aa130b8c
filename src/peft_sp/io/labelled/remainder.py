"""Labelled proteins of no partition, and how alike each is to the proteins of every partition.

The table has a line for each protein, by accession, with the columns `identity_0`, `identity_1`
and `identity_2` (largest fraction of identical residues in a global alignment with a protein of
that partition) and `evalue_0` ... `evalue_2` (smallest E-value of a local alignment with one,
empty where there was none).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from peft_sp.errors import InputError
from peft_sp.io.formats import Wanted, open_text
from peft_sp.io.labelled.records import (
    PARTITIONS,
    UNPARTITIONED,
    LabelledProtein,
    data_hash,
    read_labelled,
)

_TABLE = Wanted(
    name="a table of similarity to partitions",
    give="a tab-separated table with the columns accession, identity_0 ... and evalue_0 ...",
    save="plain text, separated by tabs",
)


@dataclass(frozen=True)
class Similarity:
    """Of one protein to each partition. evalue: infinity where no alignment was found."""

    identity: tuple[float, ...]
    evalue: tuple[float, ...]

    def is_apart_from(self, partition: int, max_identity: float, max_evalue: float) -> bool:
        """Whether identity is below the one limit and no alignment reaches the other."""
        return self.identity[partition] < max_identity and self.evalue[partition] > max_evalue


@dataclass(frozen=True)
class Remainder:
    """Labelled proteins of no partition. sha256: of the file of proteins and of the table."""

    file: str
    sha256: str
    homology_sha256: str
    proteins: tuple[LabelledProtein, ...]
    similarities: tuple[Similarity, ...]

    def apart_from(
        self, held_out: Collection[int], max_identity: float, max_evalue: float
    ) -> list[int]:
        """Numbers of the proteins that may be learned from where partitions are held out."""
        return [
            number
            for number, own in enumerate(self.similarities)
            if all(own.is_apart_from(p, max_identity, max_evalue) for p in held_out)
        ]

    def take(self, numbers: Sequence[int]) -> Remainder:
        """Some of the proteins, in their order."""
        return replace(
            self,
            proteins=tuple(self.proteins[number] for number in numbers),
            similarities=tuple(self.similarities[number] for number in numbers),
        )


def read_remainder(proteins: str | os.PathLike[str], homology: str | os.PathLike[str]) -> Remainder:
    """Read both files. Raises InputError, also where they are not of the same proteins."""
    found = read_labelled(proteins)
    for protein in found:
        if protein.partition != UNPARTITIONED:
            raise InputError(
                f"is in partition {protein.partition}; the remainder belongs to none (-1)",
                path=str(proteins),
                record=protein.accession,
            )
    table = _read_table(homology)
    missing = [p.accession for p in found if p.accession not in table]
    if missing:
        raise InputError(
            f"has no line for {len(missing):,} of {len(found):,} proteins of {proteins}, "
            f"such as {missing[0]}",
            path=str(homology),
        )
    return Remainder(
        file=str(proteins),
        sha256=data_hash(proteins),
        homology_sha256=data_hash(homology),
        proteins=tuple(found),
        similarities=tuple(table[p.accession] for p in found),
    )


def _read_table(path: str | os.PathLike[str]) -> dict[str, Similarity]:
    """Similarity by accession."""
    with open_text(path, _TABLE) as file:
        lines = csv.reader(file.read().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = list(lines)
    head = rows[0] if rows else []
    columns = ["accession"]
    columns += [f"{kind}_{n}" for kind in ("identity", "evalue") for n in PARTITIONS]
    if missing := [name for name in columns if name not in head]:
        raise InputError(f"lacks the columns {', '.join(missing)}", path=str(path), line=1)
    places = [head.index(name) for name in columns]
    found: dict[str, Similarity] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(head):
            raise InputError(
                f"{len(row)} fields where the head has {len(head)}", path=str(path), line=number
            )
        accession, *values = (row[place] for place in places)
        if accession in found:
            raise InputError("stands twice", path=str(path), line=number, record=accession)
        try:
            found[accession] = _similarity(values)
        except ValueError:
            raise InputError(
                "identities must be fractions from 0 to 1, and E-values numbers or empty",
                path=str(path),
                line=number,
                record=accession,
            ) from None
    return found


def _similarity(values: Sequence[str]) -> Similarity:
    """Identities, then E-values, as text. Raises ValueError."""
    count = len(PARTITIONS)
    identity = tuple(map(float, values[:count]))
    evalue = tuple(float(text) if text else float("inf") for text in values[count:])
    if not (all(0 <= x <= 1 for x in identity) and all(x >= 0 for x in evalue)):
        raise ValueError
    return Similarity(identity, evalue)
