"""The three-line format of labelled proteins: header, sequence, one label a residue.

>P10152|EUKARYA|SP|1        accession | organism group | type | partition
MVMVLSPLLLVFILGLGLTPVAPAQ...
SSSSSSSSSSSSSSSSSSSSSSSOO...
"""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.biology.grammar import ORGANISM_GROUPS, TOPOLOGY, TYPES, WINDOW
from peft_sp.biology.tagging import LABEL_OF_TYPE, cleavage_site
from peft_sp.errors import InputError
from peft_sp.io.atomic import write_text
from peft_sp.io.formats import open_text

PARTITIONS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class LabelledProtein:
    """One labelled window: what is known of the first residues of a protein."""

    accession: str
    organism: str
    type: str
    partition: int
    sequence: str
    labels: str

    @property
    def cleavage_site(self) -> int | None:
        """1-based position of the last signal peptide residue."""
        return cleavage_site(self.labels, self.type)

    @property
    def organism_type(self) -> tuple[str, str]:
        """The class that metrics and balanced sampling count: organism group and type."""
        return self.organism, self.type


def read_labelled(path: str | os.PathLike[str]) -> list[LabelledProtein]:
    """All records of a three-line file, plain or compressed.

    Raises InputError where the file cannot be read as text, and, with the line and the record,
    on the first record that is not whole or whose lengths, letters, labels, type, organism or
    partition do not fit together.
    """
    with open_text(path) as file:
        text = file.read()
    if re.search("[\ud800-\udfff]", text):
        raise InputError("cannot be read as text (not UTF-8)", path=str(path))
    proteins = list(_records(text.split("\n"), str(path)))
    if not proteins:
        raise InputError("the file has no records", path=str(path))
    return proteins


def _records(lines: list[str], path: str) -> Iterator[LabelledProtein]:
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    for at in range(0, len(numbered), 3):
        header = numbered[at][1]
        record = header.removeprefix(">").split("|")[0]

        def fail(problem: str, offset: int = 0, at: int = at, record: str = record) -> InputError:
            return InputError(problem, path=path, line=numbered[at + offset][0], record=record)

        if not header.startswith(">"):
            raise fail("a header line that starts with '>' is expected here")
        if at + 2 >= len(numbered):
            raise fail("the file ends before this record's sequence and labels")
        fields = header[1:].split("|")
        if len(fields) != 4:
            raise fail("the header needs four fields: >accession|organism|type|partition")
        accession, organism, type_name, partition = fields
        if organism not in ORGANISM_GROUPS:
            raise fail(f"organism '{organism}' is none of {', '.join(ORGANISM_GROUPS)}")
        if type_name not in TYPES:
            raise fail(f"type '{type_name}' is none of {', '.join(TYPES)}")
        if partition not in map(str, PARTITIONS):
            raise fail(f"partition '{partition}' is none of 0, 1, 2")
        sequence, labels = numbered[at + 1][1], numbered[at + 2][1]
        if len(sequence) != len(labels):
            raise fail(f"{len(sequence)} residues but {len(labels)} labels", 1)
        if len(sequence) > WINDOW:
            raise fail(f"{len(sequence)} residues; at most {WINDOW} are read", 1)
        if wrong := set(sequence) - set(RESIDUES):
            raise fail(f"letters that are no amino acids: {' '.join(sorted(wrong))}", 1)
        letters = {*TOPOLOGY, LABEL_OF_TYPE[type_name]} - {""}
        if wrong := set(labels) - letters:
            raise fail(f"labels that type {type_name} has not: {' '.join(sorted(wrong))}", 2)
        if type_name != TYPES[0] and LABEL_OF_TYPE[type_name] not in labels:
            raise fail(f"type {type_name} but no residue is labelled so", 2)
        yield LabelledProtein(accession, organism, type_name, int(partition), sequence, labels)


def data_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file of labelled proteins."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_labelled(path: str | os.PathLike[str], proteins: Iterable[LabelledProtein]) -> None:
    """Write records in the three-line format. The file appears only when whole."""
    write_text(Path(path), "".join(map(as_text, proteins)))


def as_text(p: LabelledProtein) -> str:
    """One record in the three-line format."""
    header = f">{p.accession}|{p.organism}|{p.type}|{p.partition}"
    return f"{header}\n{p.sequence}\n{p.labels}\n"


def subset(proteins: Iterable[LabelledProtein], count: int, seed: int) -> list[LabelledProtein]:
    """At most `count` proteins of each organism group, type and partition, in their order.

    Drawn at random; of records with the same window only the first may be drawn. The draw of
    a class does not depend on what else is there.
    """
    first: dict[str, LabelledProtein] = {}
    for p in proteins:
        first.setdefault(p.sequence, p)
    distinct = list(first.values())
    classes: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for place, p in enumerate(distinct):
        classes[p.organism, p.type, p.partition].append(place)
    chosen: list[int] = []
    for key, members in classes.items():
        generator = random.Random(f"{seed} {key}")
        chosen += generator.sample(members, min(count, len(members)))
    return [distinct[place] for place in sorted(chosen)]


def partition(
    proteins: Iterable[LabelledProtein], numbers: Iterable[int], avoid: Iterable[str] = ()
) -> list[LabelledProtein]:
    """The proteins of some partitions, without those whose window is in `avoid`.

    Training sets pass the windows they are tested on as `avoid`: a few windows stand in two
    partitions, and none may be learned from and tested on at once.
    """
    numbers, avoid = set(numbers), set(avoid)
    return [p for p in proteins if p.partition in numbers and p.sequence not in avoid]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Windows that occur more than once, as groups; and which of the groups disagree."""

    groups: int
    records: int
    labels_differ: tuple[tuple[str, ...], ...]
    types_differ: tuple[tuple[str, ...], ...]
    partitions_differ: tuple[tuple[str, ...], ...]


def repeats(proteins: Iterable[LabelledProtein]) -> Repeats:
    """Survey the repeated windows; the groups that disagree are given as accessions."""
    by_window: dict[str, list[LabelledProtein]] = defaultdict(list)
    for protein in proteins:
        by_window[protein.sequence].append(protein)
    groups = [group for group in by_window.values() if len(group) > 1]

    def differing(field: str) -> tuple[tuple[str, ...], ...]:
        return tuple(
            tuple(p.accession for p in group)
            for group in groups
            if len({getattr(p, field) for p in group}) > 1
        )

    return Repeats(
        len(groups),
        sum(map(len, groups)),
        differing("labels"),
        differing("type"),
        differing("partition"),
    )
