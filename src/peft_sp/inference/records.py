"""From whatever `predict` is given to proteins, with errors that say which record is wrong.

A record is one of

- a (name, sequence) pair;
- a sequence alone, which is named by its position: "1", "2", ...;
- a `Bio.SeqRecord`;
- a `Protein`, as `read_fasta` gives them;
- a path (`pathlib.Path`), which stands for all proteins of a FASTA file. A string is never a path.

Records come in a list, an iterator or any other iterable, in a mapping from names to sequences, or
as one alone. A sequence is text, ASCII bytes or a `Bio.Seq`; Biopython is not imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, SupportsBytes

import numpy as np

from peft_sp.biology.prediction import Protein
from peft_sp.errors import InputError
from peft_sp.io.cleaning import (
    OnError,
    UnusableRecordError,
    clean,
    clean_header,
    reporter,
)
from peft_sp.io.fasta import read_fasta

_FORMS = "a (name, sequence) pair, a sequence, a Bio.SeqRecord or a pathlib.Path of a FASTA file"
_SHOWN = 40
"""Letters of a value that a message shows."""
_BIOPYTHON_UNKNOWN = ("<unknown id>", "<unknown description>")


class SequenceRecord(Protocol):
    """A `Bio.SeqRecord`, or what looks like one."""

    @property
    def id(self) -> Any:
        """The first word of its header."""
        ...

    @property
    def seq(self) -> Any:
        """Its sequence."""
        ...


Letters = str | SupportsBytes
Record = Protein | SequenceRecord | os.PathLike[str] | Letters | tuple[Any, Any]
Records = Record | Iterable[Record] | Mapping[str, Any]


class InvalidRecordError(InputError, ValueError, TypeError):
    """A record that is no protein; `position` counts the records that were given, from 1."""


class _NotARecordError(Exception):
    """What is wrong with a record, and its name as far as it has one."""

    def __init__(self, problem: str, name: str | None = None) -> None:
        super().__init__(problem)
        self.name = name


def proteins(records: Records, on_error: OnError = "raise") -> Iterator[Protein]:
    """Proteins of records, cleaned, as they are needed; what is wrong as a whole is found at once.

    on_error: what is done about a record that cannot be predicted (`cleaning.OnError`).
    Raises InvalidRecordError, OptionError for another `on_error`, and for files as `read_fasta`.
    """
    report = reporter(on_error)
    each = _each(records)

    def stream() -> Iterator[Protein]:
        for position, record in enumerate(each, 1):
            if isinstance(record, Protein):
                yield record
            elif isinstance(record, os.PathLike):
                yield from read_fasta(record, on_error)
            else:
                try:
                    protein = _protein(record, position)
                except InvalidRecordError as error:
                    report(error)
                else:
                    yield protein

    return stream()


def _each(records: Any) -> Iterator[Any]:
    """The records one by one. Raises InvalidRecordError for what is neither one nor several."""
    pair = isinstance(records, tuple) and len(records) == 2 and _is_text(records[0])
    if pair and _is_text(records[1]):
        return iter((records,))
    if isinstance(records, Protein | os.PathLike) or _is_text(records) or _has_seq(records):
        return iter((records,))
    if isinstance(records, Mapping):
        return iter(records.items())
    if hasattr(records, "columns"):
        raise InvalidRecordError(
            "a data frame is no list of records; give zip(frame['name'], frame['sequence'])"
        )
    try:
        return iter(records)
    except TypeError:
        raise InvalidRecordError(
            f"proteins are records, each {_FORMS}; not what is {_shown(records)}"
        ) from None


def _protein(record: Any, position: int) -> Protein:
    try:
        header, letters = _header_and_letters(record, position)
    except _NotARecordError as error:
        raise InvalidRecordError(str(error), record=error.name, position=position) from None
    try:
        return clean(header, letters)
    except UnusableRecordError as error:
        name = clean_header(header)[0].split(None, 1)[0]
        raise InvalidRecordError(str(error), record=name, position=position) from None


def _header_and_letters(record: Any, position: int) -> tuple[str, str]:
    if _has_seq(record):  # which gives its letters as bytes, too
        header = _biopython_header(record) or str(position)
        return header, _letters(record.seq, header)
    if _is_text(record):
        return str(position), _unless_a_file(_letters(record, None))
    if isinstance(record, Mapping | AbstractSet) or not hasattr(record, "__getitem__"):
        raise _NotARecordError(f"a record is {_FORMS}; not what is {_shown(record)}")
    try:
        name, sequence = record
    except (TypeError, ValueError):
        raise _NotARecordError(f"a record is {_FORMS}; not what is {_shown(record)}") from None
    header = _name(name)
    return header, _letters(sequence.seq if _has_seq(sequence) else sequence, header)


def _name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        # As files are read: what is no UTF-8 is cleaned later, with a warning.
        return value.decode("utf-8", "surrogateescape")
    if _is_missing(value):
        raise _NotARecordError(f"the name is missing ({value}); give every record a name")
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return str(value)
    raise _NotARecordError(f"the name is {_shown(value)}; give text")


def _letters(value: Any, name: str | None) -> str:
    if isinstance(value, str):
        return value
    if _is_missing(value):
        raise _NotARecordError(
            f"the sequence is missing ({value}); leave the record out or give its sequence", name
        )
    if not _is_text(value):
        raise _NotARecordError(f"the sequence is {_shown(value)}; give text", name)
    try:
        return bytes(value).decode("ascii")
    except UnicodeDecodeError:
        raise _NotARecordError(
            "the sequence's bytes are not all ASCII; decode them and give text", name
        ) from None
    except ValueError as error:  # as of a Bio.Seq of which only the length is known
        raise _NotARecordError(f"the sequence cannot be read ({error})", name) from None


def _unless_a_file(letters: str) -> str:
    """A sequence that was given without a name, if it cannot be a file's name or content."""
    if letters.lstrip()[:1] == ">":
        raise _NotARecordError(
            "this is the text of a FASTA file, not a sequence; give pathlib.Path(file)"
        )
    if set(letters) & set("./\\"):
        shown = repr(letters[:_SHOWN] + ("..." if len(letters) > _SHOWN else ""))
        raise _NotARecordError(
            f"{shown} is no sequence; a FASTA file is given as pathlib.Path(file)"
        )
    return letters


def _biopython_header(record: SequenceRecord) -> str:
    """The header line that a record was read from, or what comes nearest; "" without any."""
    parts = [getattr(record, name, None) for name in ("id", "description")]
    known = [part for part in parts if isinstance(part, str) and part not in _BIOPYTHON_UNKNOWN]
    if len(known) == 2 and known[1].startswith(known[0]):
        return known[1]
    return " ".join(known)


def _is_text(value: Any) -> bool:
    """Text, bytes, or what gives its letters as bytes, as a `Bio.Seq` does."""
    if isinstance(value, str | bytes | bytearray):
        return True
    return hasattr(value, "__bytes__") and not isinstance(value, os.PathLike)


def _has_seq(value: Any) -> bool:
    return hasattr(value, "seq") and hasattr(value, "id")


def _is_missing(value: Any) -> bool:
    """None, nan, and what pandas has in their place."""
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _shown(value: Any) -> str:
    text = repr(value)
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return f"of type {type(value).__name__}: {text}"
