"""FASTA as it comes: streaming, cleaned, and with errors that say where."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from dnaio.exceptions import FileFormatError
from dnaio.readers import FastaReader

from peft_sp.biology.alphabet import RESIDUES, UNKNOWN
from peft_sp.biology.prediction import Protein
from peft_sp.errors import InputError, PeftSpError

STANDARD_INPUT = "-"
_KNOWN = RESIDUES.encode()
_NUCLEOTIDES = b"ACGTUN"
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
_NUCLEOTIDE_HINT = "these are nucleotides, not amino acids; translate them first"
_LOOKS_LIKE_NUCLEOTIDES = 0.95
_LONG_ENOUGH_TO_TELL = 50
_SAMPLE = 1000
"""Records whose beginnings are looked at together."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it stands in the file; comments: lines with '#' inside the record."""

    header: str
    sequence: str
    line: int
    comments: int = 0


class UnusableRecordError(PeftSpError, ValueError):
    """Why a record cannot be predicted; the reader adds where it stands."""


def clean(header: str, sequence: str, line: int = 0, comments: int = 0) -> Protein:
    """A protein from a header and a sequence as they were given.

    Upper-cases; strips a trailing stop; turns inner stops and letters that no network knows
    into X and removes gaps, with a warning each. Raises UnusableRecordError where nothing is
    left, or where something is no letter, or where the letters are nucleotides.
    """
    letters = "".join(sequence.split())
    if not letters.isascii():
        strange = next(letter for letter in letters if not letter.isascii())
        raise UnusableRecordError(_not_an_amino_acid(strange, letters))
    letters = letters.upper().rstrip("*")
    warnings = []
    if comments:
        warnings.append(f"{comments} line(s) with '#' left out")
    odd = _unknown(letters)
    if odd:
        gaps = letters.count("-") + letters.count(".")
        if gaps:
            letters = letters.replace("-", "").replace(".", "").rstrip("*")
            warnings.append(f"{gaps} gap(s) removed")
        stops = letters.count("*")
        if stops:
            letters = letters.replace("*", UNKNOWN)
            warnings.append(f"{stops} inner stop(s) read as X")
        for letter in sorted(set(odd) - set("-.*")):
            if not ("A" <= letter <= "Z"):
                raise UnusableRecordError(_not_an_amino_acid(letter, sequence.upper()))
            warnings.append(f"{letters.count(letter)} {letter} read as X")
            letters = letters.replace(letter, UNKNOWN)
    if not letters:
        raise UnusableRecordError("the record has no residues; remove it or give its sequence")
    if len(letters) >= _LONG_ENOUGH_TO_TELL and _looks_like_nucleotides(letters):
        raise UnusableRecordError(_NUCLEOTIDE_HINT)
    return Protein(clean_header(header), letters, tuple(warnings), line)


def _unknown(letters: str) -> str:
    """The letters of a sequence that no network knows."""
    return letters.encode("utf-8", "replace").translate(None, _KNOWN).decode("utf-8", "replace")


def _looks_like_nucleotides(letters: str) -> bool:
    """Nearly all letters are bases, and of three or more kinds: some proteins repeat two."""
    others = letters.encode().translate(None, _NUCLEOTIDES)
    if len(others) > (1 - _LOOKS_LIKE_NUCLEOTIDES) * len(letters):
        return False
    return sum(letters.count(base) > len(letters) / 50 for base in "ACGTU") >= 3


def _not_an_amino_acid(letter: str, sequence: str) -> str:
    return f"{letter!r} at residue {sequence.find(letter) + 1} is no amino acid; remove it"


def clean_header(header: str) -> str:
    """A header on one line: control characters and line separators become spaces."""
    return _UNPRINTABLE.sub(" ", header).strip() or "unnamed"


def _id(header: str) -> str:
    return clean_header(header).split(None, 1)[0]


class _NumberedLines:
    """The lines of a text file for dnaio's reader, remembering where the records start."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.starts: list[int] = []
        self.comments: list[int] = []

    closed = False

    def close(self) -> None:
        self._text.close()

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._text, 1):
            first = line[:1]
            if first == ">" or (first.isspace() and line.lstrip()[:1] == ">"):
                self.starts.append(number)
                self.comments.append(0)
            elif self.comments and line.lstrip()[:1] == "#":
                self.comments[-1] += 1
            yield line


class _Reader(FastaReader):
    """dnaio's FASTA reader for any encoding, with the line each record starts at."""

    def __init__(self, path: str) -> None:
        super().__init__(path, sequence_class=self._record)
        # Headers hold UTF-8 and sometimes stray bytes; dnaio's own records are ASCII.
        binary = self._file.detach()
        self._file: Any = _NumberedLines(
            io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace")
        )

    def _record(self, name: str, sequence: str, _: None) -> Raw:
        # dnaio asks for a record once it has seen the next header, or the file's end.
        lines = self._file
        return Raw(name, sequence, lines.starts.pop(0), lines.comments.pop(0))


def read_raw(path: str | os.PathLike[str]) -> Iterator[Raw]:
    """The records of a FASTA file, plain or gzip, bzip2, xz or zstandard.

    Raises InputError where the file is missing, empty, cut off or not FASTA.
    """
    name = os.fspath(path)
    if not Path(name).exists():
        raise InputError("no such file", path=name)
    if Path(name).is_dir():
        raise InputError("is a directory; give a FASTA file", path=name)
    count = 0
    try:
        with _Reader(name) as reader:
            for record in reader:
                count += 1
                yield record
    except FileFormatError as error:
        raise InputError(_not_fasta(str(error)), path=name, line=(error.line or 0) + 1) from None
    except EOFError:
        raise InputError(_damaged(name, count), path=name) from None
    except OSError as error:
        # Decompressors raise it too, without a number of the system's.
        problem = f"cannot be read ({error.strerror})" if error.errno else _damaged(name, count)
        raise InputError(problem, path=name) from None
    except Exception as error:  # decompressors have errors of their own
        if type(error).__module__.split(".")[0] not in ("zlib", "isal", "lzma", "zstd", "_lzma"):
            raise
        raise InputError(_damaged(name, count), path=name) from None
    if not count:
        raise InputError("the file has no records", path=name)


_OTHER_FORMATS = {"@": "FASTQ", "LOCUS": "GenBank", "ID  ": "EMBL or UniProt text", "PK": "zip"}


def _not_fasta(error: str) -> str:
    """What is wrong with a first line that is no header, from dnaio's message, which quotes it."""
    begins = error.partition("but got '")[2]
    for start, name in _OTHER_FORMATS.items():
        if begins.startswith(start):
            return f"this looks like {name}; give protein FASTA"
    return "not FASTA: a header line that starts with '>' is expected"


_MAGIC = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ", ".zst": b"\x28\xb5\x2f\xfd"}


def _damaged(name: str, count: int) -> str:
    magic = _MAGIC.get(Path(name).suffix, b"")
    with open(name, "rb") as file:
        if not file.read(len(magic)).startswith(magic):
            return f"is named {Path(name).suffix} but not compressed so; rename it"
    return f"the compressed file is cut off or damaged (after {count} records); fetch it again"


def read_fasta(path: str | os.PathLike[str]) -> Iterator[Protein]:
    """The proteins of a FASTA file, cleaned. Raises InputError at the first unusable one."""
    for raw in read_raw(path):
        try:
            yield clean(raw.header, raw.sequence, raw.line, raw.comments)
        except UnusableRecordError as error:
            raise _located(error, os.fspath(path), raw) from None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first pass over the input found.

    count: usable records; skipped: an error for each other; unique: no id stands twice.
    """

    count: int
    skipped: tuple[InputError, ...]
    unique: bool


class FastaInput:
    """One or more FASTA files as one input, read twice: surveyed, then streamed.

    names: as the user gave them, for messages; paths: where they can be read.
    """

    def __init__(self, names: list[str], paths: list[str]) -> None:
        self.names, self.paths = names, paths

    def survey(self, skip_invalid: bool = False) -> Survey:
        """Check every record before any work is done.

        Raises InputError for the first that cannot be used, and for an id that stands twice;
        with `skip_invalid` the former are returned and the latter kept apart.
        """
        count, skipped = 0, []
        keys = array("Q")
        beginning: list[str] = []
        for name, path in zip(self.names, self.paths, strict=True):
            for raw in self._raw(name, path):
                try:
                    protein = clean(raw.header, raw.sequence, raw.line, raw.comments)
                except UnusableRecordError as error:
                    located = _located(error, name, raw)
                    if not skip_invalid:
                        raise located from None
                    skipped.append(located)
                    continue
                count += 1
                if count <= _SAMPLE:
                    beginning.append(protein.window)
                keys.append(_key(protein.id))
        letters = "".join(beginning)
        if len(letters) >= _LONG_ENOUGH_TO_TELL // 2 and _looks_like_nucleotides(letters):
            raise InputError(_NUCLEOTIDE_HINT, path=self.names[0])
        unique = self._unique(keys, refuse=not skip_invalid)
        if not count:
            raise InputError("no record can be predicted", path=self.names[0])
        return Survey(count, tuple(skipped), unique)

    def proteins(self, duplicates: bool = False) -> Iterator[Protein]:
        """The usable proteins in order; `duplicates`: warn of ids that stood before."""
        seen: set[int] = set()
        for name, path in zip(self.names, self.paths, strict=True):
            for raw in self._raw(name, path):
                try:
                    protein = clean(raw.header, raw.sequence, raw.line, raw.comments)
                except UnusableRecordError:
                    continue
                if duplicates:
                    key = _key(protein.id)
                    if key in seen:
                        warnings = (*protein.warnings, "id stands more than once")
                        protein = Protein(protein.header, protein.sequence, warnings, protein.line)
                    seen.add(key)
                yield protein

    def _raw(self, name: str, path: str) -> Iterator[Raw]:
        try:
            yield from read_raw(path)
        except InputError as error:
            # Standard input is read from a copy; the message must not name that.
            raise InputError(error.problem, path=name, line=error.line) from None

    def _unique(self, keys: array[int], refuse: bool) -> bool:
        """Whether no id stands twice; if one does and `refuse`, raise InputError with its lines."""
        hashes = np.frombuffer(keys, dtype=np.uint64)
        distinct, counts = np.unique(hashes, return_counts=True)
        if len(distinct) == len(hashes):
            return True
        if not refuse:
            return False
        twice = set(distinct[counts > 1].tolist())
        first: dict[str, tuple[str, int]] = {}
        for name, path in zip(self.names, self.paths, strict=True):
            for raw in self._raw(name, path):
                protein_id = _id(raw.header)
                if _key(protein_id) not in twice:
                    continue
                if protein_id in first:
                    other, line = first[protein_id]
                    where = f"at line {line}" if other == name else f"in {other} at line {line}"
                    raise InputError(
                        f"this id stands already {where}; rename one, or pass --skip-invalid "
                        "to keep both apart with a warning",
                        path=name,
                        line=raw.line,
                        record=protein_id,
                    )
                first[protein_id] = name, raw.line
        return True


@contextmanager
def open_input(names: Iterable[str | os.PathLike[str]]) -> Iterator[FastaInput]:
    """FASTA files as one input; "-" is standard input.

    What can be read only once, as standard input and pipes, is kept in a temporary file.
    """
    given = [os.fspath(name) for name in names]
    if given.count(STANDARD_INPUT) > 1:
        raise InputError("can be read only once; give '-' once", path=STANDARD_INPUT)
    with tempfile.TemporaryDirectory(prefix="peft-sp-") as folder:
        paths = []
        for number, name in enumerate(given):
            copy = Path(folder, str(number))
            if name == STANDARD_INPUT:
                with copy.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
            elif Path(name).exists() and not (Path(name).is_file() or Path(name).is_dir()):
                with open(name, "rb") as pipe, copy.open("wb") as file:
                    shutil.copyfileobj(pipe, file)
            else:
                copy = Path(name)
            paths.append(str(copy))
        yield FastaInput(given, paths)


def _key(protein_id: str) -> int:
    """64 bits that stand for an id: a million ids take 8 MB."""
    return int.from_bytes(blake2b(protein_id.encode("utf-8", "replace"), digest_size=8).digest())


def _located(error: UnusableRecordError, path: str, raw: Raw) -> InputError:
    return InputError(str(error), path=path, line=raw.line, record=_id(raw.header))
