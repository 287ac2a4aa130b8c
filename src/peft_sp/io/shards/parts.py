"""A part of an input: a whole file, or the records of one that begin in a range of its bytes.

The parts of a file that is cut at any positions hold each of its records once: a record belongs to
the part in whose range its `>` stands. So a file is cut without being read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, BinaryIO

from peft_sp.errors import ChangedInputError, InputError, UnreadableError
from peft_sp.io.raw_fasta import Raw, read_raw
from peft_sp.io.shards.addresses import open_binary, size

_BLOCK = 1 << 20
_HEADER = b"\n>"


@dataclass(frozen=True)
class Part:
    """Records of a file; start, stop: of the range of bytes; size: of the file, in bytes.

    file: where it is read; name: as the user gave it. A compressed file is one part, and so is one
    in an encoding of more bytes a letter.
    """

    file: str
    name: str
    size: int
    start: int
    stop: int

    @property
    def whole(self) -> bool:
        """Whether the part is all of its file."""
        return self.start == 0 and self.stop == self.size


class PartReader:
    """Reads the records of a part, and sums up the bytes that they are made of.

    Raises InputError while reading where the file is missing, damaged or not FASTA, and
    ChangedInputError where it has another size than the plan says.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.bytes = 0
        self._hash = blake2b(digest_size=16)

    @property
    def checksum(self) -> str:
        """BLAKE2b of the bytes that were read."""
        return self._hash.hexdigest()

    def records(self) -> Iterator[Raw]:
        """The records in order; lines are those of the part, which begin at 1 in each."""
        part = self.part
        if (found := size(part.file)) != part.size:
            raise ChangedInputError(
                f"has {found:,} bytes, not the {part.size:,} of the plan; plan anew",
                path=part.name,
            )
        edges = _edges(part)
        if edges[0] >= edges[1] and not part.whole:
            return
        try:
            yield from read_raw(part.name, opener=lambda: _Range(part, edges, self.add))
        except InputError as error:
            if not part.start or error.line is None:
                raise
            # Where the lines before it were not read, their number is not known.
            raise InputError(
                f"{error.problem} (lines are counted from byte {part.start:,} on)",
                path=error.path,
                line=error.line,
                record=error.record,
            ) from None

    def add(self, content: memoryview) -> None:
        """Some bytes were read."""
        self.bytes += len(content)
        self._hash.update(content)


def _edges(part: Part) -> tuple[int, int]:
    """Positions of the first header in a part and of the first one behind it."""
    inner = [position for position in (part.start, part.stop) if 0 < position < part.size]
    if not inner:
        return part.start, part.stop
    with open_binary(part.file, _BLOCK) as file:
        found = {position: _header_from(file, position, part.name) for position in inner}
    return found.get(part.start, part.start), found.get(part.stop, part.stop)


def _header_from(file: BinaryIO, start: int, name: str) -> int:
    """Position of the first `>` at `start` or behind it that a line begins with."""
    start -= 1  # of the line end in front of it
    file.seek(start)
    before = b""
    while block := _read(file, _BLOCK, name):
        joined = before + block
        if (at := joined.find(_HEADER)) >= 0:
            return start + at + 1
        start += len(joined) - 1
        before = joined[-1:]
    return start + 1


def _read(file: BinaryIO, count: int, name: str) -> bytes:
    try:
        return file.read(count)
    except Exception as error:  # those of addresses are of many kinds
        raise UnreadableError(f"cannot be read ({error})", path=name) from None


class _Range(io.RawIOBase):
    """The bytes of a file between two positions."""

    def __init__(
        self, part: Part, edges: tuple[int, int], report: Callable[[memoryview], None]
    ) -> None:
        self._name, self._report = part.name, report
        self._position, self._end = edges
        self._file = open_binary(part.file)
        self._file.seek(self._position)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        content = _read(self._file, min(len(view), self._end - self._position), self._name)
        view[: len(content)] = content
        self._position += len(content)
        self._report(view[: len(content)])
        return len(content)
