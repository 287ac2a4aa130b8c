"""The three-line format of labelled proteins: header, sequence, one label a residue.

>P10152|EUKARYA|SP|1        accession | organism group | type | partition, which may be left out
MVMVLSPLLLVFILGLGLTPVAPAQ...
SSSSSSSSSSSSSSSSSSSSSSSOO...
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.biology.grammar import (
    DECLARATION_OF_TYPE,
    EUKARYOTIC_TYPES,
    ORGANISM_GROUPS,
    TOPOLOGY,
    TYPES,
    WINDOW,
)
from peft_sp.biology.tagging import LABEL_OF_TYPE, allowed_states, cleavage_site
from peft_sp.errors import InputError
from peft_sp.io.atomic import write_text
from peft_sp.io.formats import IDLE, LONGEST, Wanted, open_text
from peft_sp.wording import counted

PARTITIONS = (0, 1, 2)
UNPARTITIONED = -1
"""Partition of a protein that belongs to none: its header says -1, or has no fourth field."""
LABELLED = Wanted(
    name="labelled proteins",
    give="a file of labelled proteins (three lines each), as 'peft-sp label' makes them",
    save="plain text, three lines a protein",
)
_LETTERS = frozenset(RESIDUES)
_LABELS = {name: frozenset((*TOPOLOGY, label)) for name, label in LABEL_OF_TYPE.items()}
MOST = 2_000_000
"""Proteins that are read, a gigabyte of memory; all that were reviewed in UniProt are a third."""
_LINES = 3
_NO_TEXT = re.compile("[\ud800-\udfff]")
_FIELDS = (
    "the header needs four fields, of which the last may be left out: "
    ">accession|organism|type|partition"
)
LISTED = 10
"""Mistakes of a file that an error names; of the others it gives the count."""


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

    Raises InputError where the file cannot be read as text or has no records; and where lengths,
    letters, labels, type, organism or partition of any record do not fit together, or its labels
    allow no path through the grammar: one error for all mistakes of the file, each with its line
    and record, see `mistakes_error`.
    """
    name = str(path)
    proteins: list[LabelledProtein] = []
    mistakes: list[InputError] = []
    count = 0
    with open_text(path, LABELLED) as file:
        for lines, length in _records(file, name):
            if len(proteins) == MOST:
                problem = f"more than {MOST:,} proteins, which would fill the memory; give fewer"
                raise InputError(problem, path=name, line=lines[0][0])
            try:
                proteins.append(_protein(lines, length, name))
            except _MistakesError as found:
                count += len(found.errors)
                mistakes += found.errors[: LISTED - len(mistakes)]
    unlike = {m.line for m in mistakes if m.problem == _FIELDS}
    if unlike and not proteins and unlike == {m.line for m in mistakes}:  # such as plain FASTA
        first = mistakes[0]
        problem = (
            f"no labelled protein, nor is any other record: {first.problem}; give {LABELLED.give}"
        )
        raise InputError(problem, path=name, line=first.line, record=first.record)
    if mistakes:
        raise mistakes_error(mistakes, name, count)
    if not proteins:
        raise InputError("the file has no records", path=str(path))
    return proteins


def mistakes_error(mistakes: Sequence[InputError], path: str | None, count: int = 0) -> InputError:
    """One error for all mistakes of a file, of which the first `LISTED` are named.

    A mistake that is alone is its own error, with line and record. count: how many there are, where
    only the first are given.
    """
    count = max(count, len(mistakes))
    if count == 1:
        return mistakes[0]
    shown = [str(InputError(m.problem, line=m.line, record=m.record)) for m in mistakes[:LISTED]]
    if more := count - len(shown):
        shown.append(f"and {more:,} more")
    return InputError(f"{count:,} mistakes: {'; '.join(shown)}", path=path)


class _MistakesError(Exception):
    """What is wrong with one record."""

    def __init__(self, errors: list[InputError]) -> None:
        self.errors = errors


def _records(text: TextIO, path: str) -> Iterator[tuple[list[tuple[int, str]], int]]:
    """The first lines of each record with their numbers, and how many it has.

    Raises InputError where a record is longer than any can be: a compressed file may unpack to
    more than fits into the memory.
    """
    record: list[tuple[int, str]] = []
    length = letters = idle = 0
    for number, line in enumerate(iter(partial(text.readline, LONGEST + 1), ""), 1):
        if not line.isascii() and _NO_TEXT.search(line):
            raise InputError("cannot be read as text (not UTF-8)", path=path)
        stripped = line.strip()
        if stripped.startswith(">") and record:
            yield record, length
            record, length, letters, idle = [], 0, 0, 0
        letters, idle = letters + len(line), idle + (not stripped)
        for much, most, what in ((letters, LONGEST, "letters"), (idle, IDLE, "blank lines")):
            if much > most:
                name = record[0][1].removeprefix(">").split("|")[0] if record else None
                problem = f"more than {most:,} {what}, which is no protein; leave it out"
                raise InputError(problem, path=path, line=number, record=name)
        if stripped:
            length += 1
            if length <= _LINES:
                record.append((number, stripped))
    if record:
        yield record, length


def _protein(lines: list[tuple[int, str]], length: int, path: str) -> LabelledProtein:
    """A record's protein. length: of all its lines.

    Raises _MistakesError with all that is wrong with it.
    """
    header = lines[0][1]
    name = header.removeprefix(">").split("|")[0]
    errors: list[InputError] = []

    def wrong(problem: str, offset: int = 0) -> None:
        errors.append(InputError(problem, path=path, line=lines[offset][0], record=name))

    if not header.startswith(">"):
        wrong("a header line that starts with '>' is expected here")
        raise _MistakesError(errors)
    accession, organism, type_name, partition = _header(header, wrong)
    if length != _LINES:
        wrong(f"a record has three lines (header, sequence, labels), but this has {length:,}")
        raise _MistakesError(errors)
    sequence, labels = lines[1][1].upper(), lines[2][1]
    if len(sequence) != len(labels):
        wrong(f"{counted(len(sequence), 'residue')} but {counted(len(labels), 'label')}", 1)
    if len(sequence) > WINDOW:
        wrong(f"{len(sequence)} residues; at most {WINDOW} are read", 1)
    if not _LETTERS.issuperset(sequence):
        letters = " ".join(sorted(set(sequence) - _LETTERS))
        wrong(f"letters that are no amino acids: {letters}", 1)
    if type_name in TYPES:
        label, known = LABEL_OF_TYPE[type_name], _LABELS[type_name]
        if not known.issuperset(labels):
            letters = " ".join(sorted(set(labels) - known))
            wrong(f"labels that type {type_name} has not: {letters}", 2)
        elif label and label not in labels:
            wrong(f"type {type_name} but no residue is labelled so", 2)
    if not errors:
        try:
            allowed_states(sequence, labels, type_name)
        except ValueError as error:
            wrong(str(error), 2)
    if errors:
        raise _MistakesError(errors)
    number = UNPARTITIONED if partition is None else int(partition)
    organism, type_name = sys.intern(organism), sys.intern(type_name)  # few, of many proteins
    return LabelledProtein(accession, organism, type_name, number, sequence, labels)


def _header(header: str, wrong: Callable[[str], None]) -> tuple[str, str, str, str | None]:
    """The fields of a header; `wrong` is called with each mistake in them."""
    fields = header[1:].split("|")
    if len(fields) not in (3, 4):
        wrong(_FIELDS)
        return fields[0], "", "", None
    accession, organism, type_name = fields[:3]
    if not accession.strip():
        wrong("the header has no accession; put one before the first '|'")
    if organism not in ORGANISM_GROUPS:
        wrong(f"organism '{organism}' is none of {', '.join(ORGANISM_GROUPS)}")
    if type_name not in TYPES:
        wrong(f"type '{type_name}' is none of {', '.join(TYPES)}")
    elif organism == "EUKARYA" and type_name not in EUKARYOTIC_TYPES:
        wrong(f"eukaryotes have no {type_name}, only {', '.join(EUKARYOTIC_TYPES)}")
    if len(fields) == 3:
        return accession, organism, type_name, None
    if fields[3] not in map(str, (*PARTITIONS, UNPARTITIONED)):
        wrong(f"partition '{fields[3]}' is none of 0, 1, 2 (or -1 for none)")
    return accession, organism, type_name, fields[3]


def data_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file of labelled proteins."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_labelled(path: str | os.PathLike[str], proteins: Iterable[LabelledProtein]) -> None:
    """Write records in the three-line format. The file appears only when whole."""
    write_text(Path(path), "".join(map(as_text, proteins)))


def as_text(p: LabelledProtein) -> str:
    """One record in the three-line format."""
    header = f">{p.accession}|{p.organism}|{p.type}"
    if p.partition != UNPARTITIONED:
        header += f"|{p.partition}"
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
    proteins: Iterable[LabelledProtein],
    numbers: Iterable[int] | None,
    avoid: Iterable[str] = (),
) -> list[LabelledProtein]:
    """The proteins of some partitions, without those whose window is in `avoid`.

    Without numbers, all proteins, also those of no partition. Training sets pass the windows they
    are tested on as `avoid`: a few windows stand in two partitions, and none may be learned from
    and tested on at once.
    """
    avoid, wanted = set(avoid), None if numbers is None else set(numbers)
    return [
        p for p in proteins if (wanted is None or p.partition in wanted) and p.sequence not in avoid
    ]


def of_partitions(
    proteins: Sequence[LabelledProtein], numbers: Iterable[int] | None, path: str
) -> list[LabelledProtein]:
    """The proteins of the partitions of a file that a user chose, of all where none were chosen.

    Raises InputError where there are none, with what the file has.
    """
    found = partition(proteins, numbers)
    if not found:
        own = sorted({p.partition for p in proteins} - {UNPARTITIONED})
        raise InputError(
            f"no proteins in the chosen partitions; the file has {', '.join(map(str, own))}"
            if own
            else "has no partitions to choose from; leave out --partition, or make some with "
            f"'peft-sp partition {path} -o FILE'",
            path=path,
        )
    return found


@dataclass(frozen=True, slots=True)
class Repeats:
    """Windows that occur more than once, as groups; and which of the groups disagree."""

    groups: int
    records: int
    labels_differ: tuple[tuple[str, ...], ...]
    types_differ: tuple[tuple[str, ...], ...]
    partitions_differ: tuple[tuple[str, ...], ...]


def without_cysteine(proteins: Iterable[LabelledProtein]) -> list[str]:
    """Accessions of the lipoproteins that are cut before another residue than cysteine.

    Such labels are doubtful, but published sets have a few.
    """
    return [
        p.accession
        for p in proteins
        if DECLARATION_OF_TYPE[p.type].is_lipoprotein
        and not p.sequence.startswith(("C", "X"), p.cleavage_site or 0)
    ]


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
