"""The records of a FASTA file as they stand in it, of bounded length and with their lines."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from dnaio.readers import FastaReader

from peft_sp.errors import InputError
from peft_sp.io.cleaning import UnusableRecordError, clean_header
from peft_sp.io.formats import FASTA, IDLE, LONGEST, Meter, Opener, open_text

_KEPT = 1000
"""Letters of a header that an error keeps."""
_BEFORE = re.compile("^[\ufeff\\s]+")
_COLUMNS, _BLANK = re.compile("[\t,;]"), re.compile(r"\s")
_MARKED = re.compile("^[^0-9A-Za-z>]+>")
"""A header behind something else, as quotation marks."""
_SHOWN = 40
"""Letters of a line that a message shows."""


def rules() -> dict[str, Any]:
    """What these rules go by, for the same rules in a browser."""
    return {
        "kept": _KEPT,
        "before": _BEFORE,
        "columns": _COLUMNS,
        "blank": _BLANK,
        "marked": _MARKED,
        "shown": _SHOWN,
    }


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it stands in the file; comments: lines with '#' or ';' inside the record."""

    header: str
    sequence: str
    line: int
    comments: int = 0


class _Lines:
    """The lines of a text file for dnaio's reader, which notes where the records start."""

    def __init__(self, text: TextIO, path: str) -> None:
        self._text, self._path = text, path
        self.starts: list[int] = []
        self.comments: list[int] = []
        self._header = ""

    closed = False

    def __iter__(self) -> Iterator[str]:
        letters = idle = 0
        for number, line in enumerate(iter(partial(self._text.readline, LONGEST + 1), ""), 1):
            letters += len(line)
            if not line[0].isalpha():
                # A mark of UTF-8 stands inside a file where several were joined.
                line = _BEFORE.sub("", line)  # noqa: PLW2901
                first = line[:1]
                if first == ">":
                    letters, idle = len(line), 0
                    self._header = line[1 : 1 + _KEPT]
                    self.starts.append(number)
                    self.comments.append(0)
                elif first in ("", "#", ";") and letters <= LONGEST:
                    idle += 1
                    if idle > IDLE:
                        raise self._too_much(f"{IDLE:,} blank lines and comments", number)
                    if first and self.comments:
                        self.comments[-1] += 1
                    continue
            if letters > LONGEST:
                raise self._too_much(f"{LONGEST:,} letters", number)
            if not self.starts:
                raise InputError(_no_header(line.strip()), path=self._path, line=number)
            yield line

    def _too_much(self, what: str, number: int) -> InputError:
        problem = f"more than {what}, which is no protein; leave it out"
        if not self.starts:
            return InputError(problem, path=self._path, line=number)
        return located(problem, self._path, Raw(self._header, "", self.starts[-1]))


def _no_header(line: str) -> str:
    shown = repr(line[:_SHOWN] + ("..." if len(line) > _SHOWN else ""))
    if _MARKED.match(line):
        remedy = "remove what stands before '>'"
    elif line.isalpha():
        remedy = "put a line such as '>name' before the sequence"
    elif _COLUMNS.search(line) or not _BLANK.search(line):
        remedy = "this seems to be a table or a list; give the sequences as FASTA"
    else:
        remedy = "remove it"
    return f"not FASTA: the line {shown} stands before any header, which starts with '>'; {remedy}"


class _Reader(FastaReader):
    """dnaio's FASTA reader for lines of any encoding, with the line each record starts at."""

    def __init__(self, text: TextIO, path: str) -> None:
        # dnaio would decode a binary file as the locale says; these lines are text already.
        super().__init__(io.BytesIO(), sequence_class=self._record)
        self._file: Any = _Lines(text, path)

    def _record(self, name: str, sequence: str, _: None) -> Raw:
        # dnaio asks for a record once it has seen the next header, or the file's end.
        lines = self._file
        return Raw(name, sequence, lines.starts.pop(0), lines.comments.pop(0))


def read_raw(
    path: str | os.PathLike[str], meter: Meter | None = None, opener: Opener | None = None
) -> Iterator[Raw]:
    """The records of a FASTA file, plain or compressed (meter, opener: see `formats.open_text`).

    Raises InputError where the file is missing, empty, cut off or not FASTA.
    """
    name = os.fspath(path)
    record: Any = None
    with open_text(name, FASTA, meter, opener) as text:
        for record in _Reader(text, name):
            yield record
    if record is None:
        raise InputError("the file has no records; give protein FASTA", path=name)


def located(problem: UnusableRecordError | str, path: str, raw: Raw) -> InputError:
    """The error of a record, with its file, line and name."""
    record = clean_header(raw.header[:_KEPT])[0].split(None, 1)[0]
    return InputError(str(problem), path=path, line=raw.line, record=record)
