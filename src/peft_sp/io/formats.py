"""Files as they come: compressed or not, in several encodings, or of another format altogether.

The content tells what a file is, never its name.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from xopen import xopen

from peft_sp.errors import InputError

HEAD = 1024
"""Bytes that tell what a file is."""
LONGEST = 10_000_000
"""Letters of a record, and of any line: more are no protein, and would fill the memory. The longest
proteins known have less than 100,000 residues."""
IDLE = 1_000_000
"""Blank lines and comments of a record, or before the first: more tell nothing and take minutes."""
_BLOCK = 1 << 17

_COMPRESSIONS = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
}
# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Wanted:
    """What a file is to hold, in the words of messages.

    name: of the content; give: what to give instead; inside: the same of a file that holds proteins
    in another format; save: how a program that has its own files is to save it; begins: how files
    that are wanted begin, where others that begin so are of another format.
    """

    name: str
    give: str
    save: str
    inside: str = ""
    begins: tuple[bytes, ...] = ()


FASTA = Wanted(
    name="FASTA",
    give="a protein FASTA file",
    save="plain text, in FASTA",
    inside="its proteins as FASTA",
)
# Remedies: what stands in braces is a field of `Wanted`.
_UNPACK = "unpack it and give the file inside"
_SAVE = "save it as {save}"
_GIVE, _INSIDE = "give {give}", "give {inside}"
_FETCH = "fetch the file itself"
_OTHER_FORMATS = {
    b"@": ("FASTQ", _GIVE),
    b"LOCUS ": ("GenBank", _INSIDE),
    b"ID   ": ("EMBL or UniProt text", _INSIDE),
    b"##gff": ("GFF", _INSIDE),
    b"# STOCKHOLM": ("a Stockholm alignment", _INSIDE),
    b"CLUSTAL": ("a Clustal alignment", _INSIDE),
    b"#NEXUS": ("a NEXUS alignment", _INSIDE),
    b"HEADER ": ("a PDB structure", _INSIDE),
    b"ATOM  ": ("a PDB structure", _INSIDE),
    b"data_": ("an mmCIF structure", _INSIDE),
    b"version https://git-lfs": ("a Git LFS pointer", "fetch the file itself with git lfs pull"),
    b"<!doctype html": ("a web page", _FETCH),
    b"<html": ("a web page", _FETCH),
    b"<": ("XML or a web page", _FETCH),
    b"{": ("JSON", _GIVE),
    b"[": ("JSON", _GIVE),
    b"%PDF": ("PDF", _SAVE),
    b"{\\rtf": ("a text processor's document", _SAVE),
    b"\xd0\xcf\x11\xe0": ("a text processor's document", _SAVE),
    b"PK\x03\x04": ("zip", _UNPACK),
    b"7z\xbc\xaf": ("7z", _UNPACK),
    b"Rar!": ("rar", _UNPACK),
    b"\x1f\x9d": ("compress", _UNPACK),
    b"\x04\x22\x4d\x18": ("lz4", _UNPACK),
    b"LZIP": ("lzip", _UNPACK),
    b"BAM\x01": ("BAM", _GIVE),
    b"PAR1": ("Parquet", _GIVE),
    b"\x89HDF": ("HDF5", _GIVE),
    b"SQLite format 3": ("SQLite", _GIVE),
}
_OFFICE = (b"[Content_Types].xml", b"word/", b"xl/", b"mimetypeapplication/vnd.oasis")
"""What the beginning of a zip holds that is the file of a text processor or of a spreadsheet."""
_BY_LENGTH = sorted(_OTHER_FORMATS, key=len, reverse=True)


Meter = Callable[[int], None]
"""Called with the number of unpacked bytes of each block that is read; may raise InputError."""
Opener = Callable[[], Any]
"""Opens a file's bytes anew, as a context manager that has `readinto`; may raise InputError."""


def rules() -> dict[str, Any]:
    """What these rules go by, for the same rules in a browser."""
    return {
        "longest": LONGEST,
        "idle": IDLE,
        "block": _BLOCK,
        "compressions": [[magic, name] for magic, name in _COMPRESSIONS.items()],
        "marks": [[mark, name] for mark, name in _MARKS.items()],
        "others": [[magic, *_OTHER_FORMATS[magic]] for magic in _BY_LENGTH],
        "office": list(_OFFICE),
        "save": _SAVE,
        "unpack": _UNPACK,
        "give": _GIVE,
        "wanted": {"give": FASTA.give, "inside": FASTA.inside, "save": FASTA.save},
    }


@contextmanager
def open_text(
    path: str | os.PathLike[str],
    wanted: Wanted = FASTA,
    meter: Meter | None = None,
    opener: Opener | None = None,
) -> Iterator[TextIO]:
    """A text file, plain or gzip, bzip2, xz or zstandard, with line ends of any one system.

    UTF-8, or UTF-16 or -32 where a mark or the first bytes say so. Bytes that are no UTF-8 come
    as lone surrogates (PEP 383). Raises InputError, on opening or while reading, where the file
    is missing, unreadable, damaged or plainly of another format; and on closing where a line end
    of old Macs stands in a file of other line ends: what is behind it was read as a line.

    opener: opens the bytes, where they are not all that stands at the path.
    """
    name = os.fspath(path)
    with _opened(name, wanted, meter=meter, opener=opener) as text:
        yield text
        ends = text.newlines
    if isinstance(ends, tuple) and "\r" in ends and (line := _lone_return(name, wanted, opener)):
        raise InputError(
            "a line end of old Macs (CR) in a file of other line ends: what is behind it would be "
            "a line of its own; remove it, or give all lines one line end",
            path=name,
            line=line,
        )


@contextmanager
def _opened(
    name: str,
    wanted: Wanted,
    newline: str | None = None,
    meter: Meter | None = None,
    opener: Opener | None = None,
) -> Iterator[TextIO]:
    """A text file; newline: as `open` has it, "" for line ends as they are."""
    with ExitStack() as stack:
        if opener is not None:
            file: Any = stack.enter_context(opener())
        else:
            check(name, wanted)
            try:
                file = stack.enter_context(open(name, "rb", buffering=0))
            except OSError as error:
                raise InputError(_unreadable(error), path=name) from None
        binary: io.BufferedReader[Any] = io.BufferedReader(_Source(file, name), _BLOCK)
        if compression := compression_of(binary.peek(HEAD)):
            # In this process: a helper program's troubles could not be told apart.
            unpacked: Any = xopen(binary, "rb", threads=0, format=compression)
            stack.callback(unpacked.close)
            binary = io.BufferedReader(_Source(unpacked, name, damaged=True), _BLOCK)
        head = binary.peek(HEAD)
        if problem := other_format(head, wanted):
            raise InputError(problem, path=name)
        if meter is not None:
            binary = io.BufferedReader(_Metered(binary, meter), _BLOCK)
        encoding = _wide_encoding(head) or "utf-8-sig"
        errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
        yield stack.enter_context(io.TextIOWrapper(binary, encoding, errors, newline))


def _lone_return(name: str, wanted: Wanted, opener: Opener | None = None) -> int:
    """The first line that ends with CR alone and has text behind it, 0 where there is none."""
    number, ended = 1, False
    with _opened(name, wanted, "", opener=opener) as text:
        for part in iter(partial(text.readline, _BLOCK), ""):
            if ended and part.strip():
                return number - 1
            ended = part.endswith("\r")
            number += part.endswith(("\r", "\n"))
    return 0


_SEQUENCE = re.compile(r"[A-Z]{15,}\*?")
"""What is given in place of a file's name by those who mean the protein itself."""


def check(name: str, wanted: Wanted = FASTA) -> os.stat_result:
    """What the system knows of a file. Raises InputError where it is none that can be read."""
    try:
        status = Path(name).stat()
    except FileNotFoundError:
        problem = "is not read here; give a file" if name == "-" else "no such file"
        if _SEQUENCE.fullmatch(name) and wanted is FASTA:
            problem += "; this seems to be a sequence: give the name of a FASTA file that holds it"
        raise InputError(problem, path=name) from None
    except (OSError, ValueError) as error:
        raise InputError(_unreadable(error), path=name) from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"is a directory; give {wanted.give}", path=name)
    return status


def compression_of(head: bytes) -> str | None:
    """How a file that begins so is compressed, in xopen's words."""
    return next((c for magic, c in _COMPRESSIONS.items() if head.startswith(magic)), None)


def other_format(head: bytes, wanted: Wanted = FASTA) -> str | None:
    """What is wrong with a file that begins so, where it plainly is not what is wanted."""
    if compression_of(head):
        return "is compressed twice; unpack it once"
    if _wide_encoding(head) or (wanted.begins and head.startswith(wanted.begins)):
        return None
    found = _format_of(head)
    if found is None:
        return None
    what, remedy = found
    words = {"give": wanted.give, "inside": wanted.inside or wanted.give, "save": wanted.save}
    is_it = f"this looks like {what}, not {wanted.name}" if what else "this is no text"
    return f"{is_it}; {remedy.format_map(words)}"


def _format_of(head: bytes) -> tuple[str, str] | None:
    """The format of a file that begins so, "" for none of text, and a remedy."""
    begin = head.removeprefix(codecs.BOM_UTF8).lstrip()
    lower = begin[:32].lower()
    for magic in _BY_LENGTH:
        if begin.startswith(magic) or (magic.startswith(b"<") and lower.startswith(magic)):
            what, remedy = _OTHER_FORMATS[magic]
            if what == "zip" and any(name in head for name in _OFFICE):
                return "an office document", _SAVE
            return what, remedy
    if head[257:262] == b"ustar":
        return "a tar archive", _UNPACK
    if b"\x00" in head and begin[:1] not in (b">", b"#", b";"):
        return "", _GIVE
    return None


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by its mark, or by a header most of whose every second bytes are 0."""
    if marked := next((e for mark, e in _MARKS.items() if head.startswith(mark)), None):
        return marked
    even, odd = head[:64:2], head[1:64:2]
    for name, letters, zeros in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
        if letters[:1] == b">" and len(letters) >= 6 and zeros.count(0) > 0.75 * len(zeros):
            return name
    return None


class _Source(io.RawIOBase):
    """The bytes of a file; whatever goes wrong while they are read is an InputError."""

    def __init__(self, binary: Any, name: str, damaged: bool = False) -> None:
        self._binary, self._name, self._damaged = binary, name, damaged

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count: int = self._binary.readinto(buffer)
        except (InputError, MemoryError):
            raise
        except Exception as error:  # each decompressor has errors of its own
            problem = "the compressed file is cut off or damaged; fetch it again"
            raise InputError(
                problem if self._damaged else _unreadable(error), path=self._name
            ) from None
        return count


class _Metered(io.RawIOBase):
    """The bytes of a file, counted by a meter."""

    def __init__(self, binary: io.BufferedReader[Any], meter: Meter) -> None:
        self._binary, self._meter = binary, meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._binary.readinto1(buffer)
        self._meter(count)
        return count


def _unreadable(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    if isinstance(error, PermissionError):
        return f"cannot be read ({reason}); ask for the right to read it"
    return f"cannot be read ({reason})"
