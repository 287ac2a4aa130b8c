"""FASTA as it comes: streaming, cleaned, and with errors that say where."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, BinaryIO

import numpy as np

from peft_sp.biology.notes import OF_NAME
from peft_sp.biology.prediction import Protein
from peft_sp.errors import ChangedInputError, InputError, OutputError
from peft_sp.io.cleaning import (
    LONG_ENOUGH_TO_TELL,
    NUCLEOTIDE_HINT,
    OnError,
    UnusableRecordError,
    clean,
    clean_header,
    looks_like_nucleotides,
    reporter,
)
from peft_sp.io.formats import HEAD, check, compression_of, other_format
from peft_sp.io.raw_fasta import Raw, located, read_raw
from peft_sp.io.results.protection import REDIRECTED, FileId, descriptor, file_id
from peft_sp.io.writers.names import FreeNames
from peft_sp.wording import counted

STANDARD_INPUT = "-"
SAMPLE = 1000
"""Records whose beginnings are looked at together."""
_BLOCK = 1 << 20
NAMED = 1000
"""Records that cannot be predicted whose errors are kept; of more, their number is."""


def read_fasta(path: str | os.PathLike[str], on_error: OnError = "raise") -> Iterator[Protein]:
    """The proteins of a FASTA file, plain or compressed, cleaned, as they are read.

    on_error: what is done about a record that cannot be predicted (`cleaning.OnError`).
    Raises InputError at the first such record, unless `on_error` says otherwise, and where the
    file is missing, empty, cut off or not FASTA.
    """
    report = reporter(on_error)
    for raw in read_raw(path):
        try:
            protein = clean(raw.header, raw.sequence, raw.line, raw.comments)
        except UnusableRecordError as error:
            report(located(error, os.fspath(path), raw))
        else:
            yield protein


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of a first pass over the input.

    count: usable records; unusable: all others; skipped: the errors of the first of these, `NAMED`
    at most; cleaned: records that were changed while they were read, and changed: the warning of
    the first, and where it stands; fingerprint: of the usable records as they were understood,
    whatever the files' names, line ends or compression.
    """

    count: int
    unusable: int
    skipped: tuple[InputError, ...]
    cleaned: int
    changed: str
    fingerprint: str


class _Pass:
    """What was read of the input so far."""

    def __init__(self) -> None:
        self.count = self.unusable = 0
        self._hash = blake2b(digest_size=8)

    def add(self, protein: Protein) -> None:
        """A record that can be used, as it was understood."""
        self.count += 1
        # One line each: cleaned records hold no line ends.
        parts = (protein.header, protein.sequence, *protein.warnings, "\n")
        self._hash.update("\n".join(parts).encode("utf-8", "replace"))

    def fingerprint(self) -> str:
        """Of all usable records so far."""
        return self._hash.hexdigest()


class FastaInput:
    """One or more FASTA files as one input, read twice: surveyed, then streamed.

    Where there are several, each protein says which file it is from.

    names: as the user gave them, for messages; paths: where they can be read; files: those among
    them that an output could replace. whole_headers: a protein's name, which results have for it
    alone, is its whole header and not the first word; signs_as_x: see `cleaning.clean`.
    """

    def __init__(
        self,
        names: list[str],
        paths: list[str],
        whole_headers: bool = False,
        signs_as_x: bool = False,
        *,
        files: Mapping[FileId, str],
    ) -> None:
        self.names, self.paths, self.files = names, paths, files
        self._whole_headers, self._signs_as_x = whole_headers, signs_as_x
        self._distinct = np.empty(0, np.uint64)
        self._repeated: frozenset[int] = frozenset()
        self._survey: Survey | None = None
        self._read = _Pass()
        self._renamed, self._renaming = 0, ""

    def survey(self, skip_invalid: bool = False) -> Survey:
        """Check every record before any work is done.

        Raises InputError for the first that cannot be used; with `skip_invalid` these are
        counted, and the error is raised only where no record is left.
        """
        read, cleaned, changed = _Pass(), 0, ""
        skipped: list[InputError] = []
        keys = array("Q")
        beginning: list[str] = []
        for name, raw in self._records():
            try:
                protein = self._clean(raw)
            except UnusableRecordError as error:
                if not skip_invalid:
                    raise located(error, name, raw) from None
                read.unusable += 1
                if len(skipped) < NAMED:
                    skipped.append(located(error, name, raw))
                continue
            read.add(protein)
            if protein.warnings:
                cleaned += 1
                changed = changed or str(located(protein.warnings[0], name, raw))
            if read.count <= SAMPLE:
                beginning.append(protein.window)
            keys.append(_key(self._name(protein)))
        letters = "".join(beginning)
        if len(letters) >= LONG_ENOUGH_TO_TELL // 2 and looks_like_nucleotides(letters):
            raise InputError(NUCLEOTIDE_HINT, path=self.names[0])
        if not read.count:
            first = skipped[0]
            raise InputError(
                f"no record can be predicted; of this one: {first.problem}",
                path=first.path,
                line=first.line,
                record=first.record,
            )
        distinct, counts = np.unique(np.frombuffer(keys, dtype=np.uint64), return_counts=True)
        self._repeated = frozenset(distinct[counts > 1].tolist())
        self._distinct = distinct if self._repeated else self._distinct
        self._survey = Survey(
            read.count, read.unusable, tuple(skipped), cleaned, changed, read.fingerprint()
        )
        return self._survey

    def proteins(self, earlier: tuple[int, str] | None = None) -> Iterator[Protein]:
        """The usable proteins in order.

        After a survey a name that stood before has a number behind it, and a warning: results
        then have one protein a name, in each of their files.

        earlier: what `read_so_far` gave in an earlier run. Raises ChangedInputError where the
        records are not those of that run or, at their end, not those of the survey.
        """
        free, several = FreeNames(taken=self._is_there), len(self.names) > 1
        read = self._read = _Pass()
        self._renamed, self._renaming = 0, ""
        for file, raw in self._records():
            try:
                protein = self._clean(raw)
            except UnusableRecordError:
                read.unusable += 1
                continue
            read.add(protein)
            if earlier and read.count == earlier[0] and read.fingerprint() != earlier[1]:
                raise self._changed("its records are not those that an earlier run predicted")
            if several:
                protein = replace(protein, file=clean_header(file)[0])
            if self._repeated and _key(name := self._name(protein)) in self._repeated:
                yield self._called(protein, name, free(name), file)
            else:
                yield protein

        before = self._survey
        if before is None:
            return
        if (read.count, read.unusable) != (before.count, before.unusable):
            raise self._changed(
                f"{counted(before.count + before.unusable, 'record')} at first, "
                f"{read.count + read.unusable:,} now"
            )
        if read.fingerprint() != before.fingerprint:
            raise self._changed("its records are not those of the start")

    def read_so_far(self) -> tuple[int, str]:
        """How many proteins were read since `proteins` was called, and a hash of them."""
        return self._read.count, self._read.fingerprint()

    def _changed(self, how: str) -> ChangedInputError:
        return ChangedInputError(
            f"changed while it was predicted ({how}); start anew when nothing writes into it",
            path=", ".join(self.names),
        )

    def _name(self, protein: Protein) -> str:
        return protein.header if self._whole_headers else protein.id

    def _is_there(self, name: str) -> bool:
        """Whether a record of the input has this name."""
        key = np.uint64(_key(name))
        place = int(np.searchsorted(self._distinct, key))
        return place < len(self._distinct) and bool(self._distinct[place] == key)

    def renamed(self) -> dict[str, Any]:
        """What `RunInfo` says of the proteins that `proteins` gave another name."""
        return {"renamed": self._renamed, "renaming": self._renaming}

    def _called(self, protein: Protein, name: str, own: str, file: str) -> Protein:
        """The protein with its own name in place of the one that it shares."""
        if own == name:
            return protein
        self._renamed += 1
        if not self._renaming:
            found = InputError(f"called {own}", path=file, line=protein.line, record=name)
            self._renaming = str(found)
        kind = "header" if self._whole_headers else "id"
        warning = f"{kind} {OF_NAME}{own} here"
        return replace(
            protein,
            header=own + protein.header[len(name) :],
            warnings=(*protein.warnings, warning),
        )

    def _clean(self, raw: Raw) -> Protein:
        return clean(raw.header, raw.sequence, raw.line, raw.comments, self._signs_as_x)

    def _records(self) -> Iterator[tuple[str, Raw]]:
        for name, path in zip(self.names, self.paths, strict=True):
            try:
                for raw in read_raw(path):
                    yield name, raw
            except InputError as error:
                # Standard input is read from a copy; the message must not name that.
                raise InputError(
                    error.problem, path=name, line=error.line, record=error.record
                ) from None


@contextmanager
def open_input(
    sources: Iterable[str | os.PathLike[str]],
    whole_headers: bool = False,
    signs_as_x: bool = False,
    names: Iterable[str] | None = None,
) -> Iterator[FastaInput]:
    """FASTA files as one input; "-" is standard input. The other options: see `FastaInput`.

    names: what messages and results call the files, None for their paths.
    What can be read only once, as standard input and pipes, is kept in a temporary file.
    Raises InputError where a file is missing, unreadable or given twice.
    """
    given = [os.fspath(source) for source in sources]
    called = list(names) if names is not None else given
    if given.count(STANDARD_INPUT) > 1:
        raise InputError("can be read only once; give '-' once", path=STANDARD_INPUT)
    with ExitStack() as stack:
        paths: list[str] = []
        files: dict[FileId, str] = {}
        for source, name in zip(given, called, strict=True):
            if source == STANDARD_INPUT:
                if sys.stdin is None:
                    raise InputError("is closed; give a file", path=name)
                if (redirected := file_id(descriptor(sys.stdin))) is not None:
                    files[redirected] = REDIRECTED
                paths.append(_keep(sys.stdin.buffer, stack, name))
                continue
            status = check(source)
            if (status.st_dev, status.st_ino) in files:
                raise InputError("this file is given twice; give it once", path=name)
            files[status.st_dev, status.st_ino] = name
            if stat.S_ISREG(status.st_mode):
                paths.append(source)
                continue
            try:
                with open(source, "rb", buffering=0) as pipe:
                    paths.append(_keep(pipe, stack, name))
            except OSError as error:
                raise InputError(f"cannot be read ({error.strerror})", path=name) from None
        yield FastaInput(called, paths, whole_headers, signs_as_x, files=files)


def _keep(source: BinaryIO | io.RawIOBase, stack: ExitStack, name: str) -> str:
    """Copy what can be read only once, to a file that lives as long as `stack`; its path.

    A device that never ends is recognised at its beginning.
    """
    try:
        block = source.read(_BLOCK)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=name) from None
    head = (block or b"")[:HEAD]
    if not compression_of(head) and (problem := other_format(head)):
        raise InputError(problem, path=name)
    try:
        file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="peft-sp-"))  # noqa: SIM115
        while block:
            file.write(block)
            block = source.read(_BLOCK)
        file.flush()
    except OSError as error:
        raise OutputError(
            f"{tempfile.gettempdir()}: cannot keep a copy of what is read from "
            f"{'standard input' if name == STANDARD_INPUT else name} ({error.strerror}); "
            "name a folder with more room in TMPDIR"
        ) from None
    return file.name


def _key(name: str) -> int:
    """64 bits that stand for a name: a million take 8 MB."""
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest())
