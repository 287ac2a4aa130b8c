"""What outputs may replace: never an input, and files of others only where that was asked for."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import TextIO

from peft_sp.errors import OutputError
from peft_sp.io.registry.regular import open_regular, read_regular
from peft_sp.io.results.directories import refuse_in_the_way, refuse_unwritable_file

UNFINISHED = "peft-sp-unfinished"
"""Folder inside the output directory that holds the files of a run until they are whole."""
EARLIER = f"{UNFINISHED}-earlier"
"""Folder of an unfinished run that another one is about to take the place of."""
RECORD = ".peft-sp.sha256"
"""Checksums of the results in a directory, as `sha256sum` writes them: files that were written
here and not changed since may be replaced."""
_MOST = 1 << 30
"""Bytes of a record, which are those of some million files."""
REDIRECTED = "standard input"
"""How it is called in `files_of`, where a file is redirected into it."""
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")

FileId = tuple[int, int]
"""Device and number of a file: the same under each of its names."""


def file_id(file: str | os.PathLike[str] | int) -> FileId | None:
    """Which file a path or a descriptor leads to; None where that is no regular file."""
    try:
        status = os.fstat(file) if isinstance(file, int) else Path(file).stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def descriptor(stream: TextIO) -> int:
    """The system's number of a stream, -1 for one within this program alone."""
    try:
        return stream.fileno()
    except OSError:
        return -1


def files_of(*paths: str | os.PathLike[str]) -> dict[FileId, str]:
    """Which files paths lead to, and how they were called."""
    return {found: os.fspath(path) for path in paths if (found := file_id(path))}


def refuse_input(target: Path | TextIO, inputs: Mapping[FileId, str], option: str = "-o") -> None:
    """Raise OutputError where something is to be written into a file that is read.

    inputs: what is read, see `files_of`. target: a file of any name, or an open stream.
    """
    found = file_id(target if isinstance(target, Path) else descriptor(target))
    if found is None or found not in inputs:
        return
    name = inputs[found]
    if not isinstance(target, Path):
        raise OutputError(f"standard output: goes into the input {name}; send it elsewhere")
    which = "is the input" if name == str(target) else f"is the input {name}"
    if name == REDIRECTED:
        which = f"is read as {name}"
    raise OutputError(f"{target}: {which} and would be replaced; choose another with {option}")


def check_outputs(
    outputs: Mapping[str, str | None], inputs: Mapping[FileId, str], force: bool = False
) -> None:
    """Look at the single files that a command is to write, before any work. Raises OutputError.

    outputs: the path that each option was given, "-" for standard output, None for nothing; inputs:
    what is read, see `files_of`; force: what is there already may be replaced.
    """
    taken: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        if path == "-":
            refuse_input(sys.stdout, inputs, option)
            continue
        target = Path(path)
        refuse_input(target, inputs, option)
        refuse_unwritable_file(target, option)
        other = taken.setdefault(target.absolute().resolve(), option)
        if other != option:
            raise OutputError(f"{target}: is what {other} writes; choose another with {option}")
        if not force and file_id(target) and target.stat().st_size:
            raise OutputError(
                f"{target}: is there already; choose another with {option}, or pass --force to "
                "replace it"
            )


@dataclass(frozen=True)
class Protection:
    """Keeps the files of a run from replacing what they must not replace.

    directory: of the results; names: of the files that the run may write there, in which "*"
    stands for any letters but "/"; inputs: what the run reads, and how the user calls it; force:
    files that were not written by this program may be replaced; option: how the user names the
    directory; edited: results of this program may be replaced where they were changed since, too;
    known: names of the files that any run may write.
    """

    directory: Path
    names: tuple[str, ...] = ("*", "*/*")
    inputs: Mapping[FileId, str] = field(default_factory=dict)
    force: bool = False
    option: str = "-o"
    edited: bool = False
    known: tuple[str, ...] = ("*", "*/*")

    def check(self) -> None:
        """Look at all that the run might replace, before any work. Raises OutputError."""
        self.refuse_file()
        self._refuse_links(self.names)
        found = (path for name in self.names for path in self.directory.glob(name))
        self.check_files(sorted(path.relative_to(self.directory).as_posix() for path in found))

    def refuse_file(self) -> None:
        """Raise OutputError where something else has the name of the directory, or of one above."""
        refuse_in_the_way(self.directory, self.option)

    def check_files(self, names: Iterable[str]) -> None:
        """Look at what stands under the names of finished files, and of the record.

        Raises OutputError.
        """
        foreign = []
        names = [*names, RECORD]
        self._refuse_links(names)
        for name in names:
            path = self.directory / name
            if path.is_dir():
                raise OutputError(
                    f"{path}: is a directory, where a file is to be written; move it away, or "
                    f"choose another with {self.option}"
                )
            refuse_input(path, self.inputs, self.option)
            if not self.force and os.path.lexists(path) and not self._is_ours(path, name):
                foreign.append(path)
        if foreign:
            more = f" (nor were {len(foreign) - 1:,} others)" if len(foreign) > 1 else ""
            raise OutputError(
                f"{foreign[0]}: was not written by this program, or was changed since{more}; "
                f"choose another with {self.option}, or pass --force to replace it"
            )

    def _refuse_links(self, names: Iterable[str]) -> None:
        """Raise OutputError where a folder of results is a link: they would go elsewhere."""
        for folder in sorted({name.rpartition("/")[0] for name in names} - {""}):
            if (path := self.directory / folder).is_symlink():
                raise OutputError(
                    f"{path}: is a link, where a folder of results is to be written; move it "
                    f"away, or choose another with {self.option}"
                )

    def refuse_inputs(self, folder: Path) -> None:
        """Raise OutputError where a file in a folder is an input."""
        for path in folder.rglob("*"):
            refuse_input(path, self.inputs, self.option)

    def owns(self, name: str) -> bool:
        """Whether the run may have written a file of this name; "*" stands for no "/"."""
        parts = name.split("/")
        return any(
            len(parts) == own.count("/") + 1 and all(map(fnmatchcase, parts, own.split("/")))
            for own in self.names
        )

    def record(self, names: Iterable[str], folder: Path) -> None:
        """Write `RECORD` into a folder that holds finished files; those of others stay in it.

        Raises OSError.
        """
        there = {n: own for n, own in _recorded(self.directory) if (self.directory / n).is_file()}
        known = {name: own for name, own in there.items() if not self.owns(name)}
        known |= {name: _checksum(folder / name) for name in names}
        lines = (f"{checksum}  {name}\n" for name, checksum in sorted(known.items()))
        (folder / RECORD).write_text("".join(lines), encoding="utf-8")

    def remove_former(self, folder: Path) -> None:
        """Remove the results of earlier runs that the record in a folder does not have any more.

        They are those of proteins that are no longer in the input. What was changed since stays.
        Raises OSError.
        """
        if not (folder / RECORD).is_file():  # they were removed already
            return
        kept = {name for name, _ in _recorded(folder)}
        for name, checksum in _recorded(self.directory):
            path = self.directory / name
            if name not in kept and self.owns(name) and _content(path) == checksum:
                path.unlink()

    @cached_property
    def _ours(self) -> set[tuple[str, str]]:
        # A run that was killed while its files were moved has not moved its record.
        folders = (self.directory, self.directory / UNFINISHED, self.directory / EARLIER)
        return {recorded for folder in folders for recorded in _recorded(folder)}

    @cached_property
    def _our_names(self) -> set[str]:
        return {name for name, _ in self._ours}

    def _is_ours(self, path: Path, name: str) -> bool:
        if name == RECORD:
            return all(_lines(path))
        content = _content(path)
        if self.edited and content and name in self._our_names:
            return True
        return (name, content) in self._ours


def _recorded(folder: Path) -> list[tuple[str, str]]:
    """Names and checksums in the record of a folder."""
    return [(match[2], match[1]) for match in _lines(folder / RECORD) if match]


def _lines(record: Path) -> list[re.Match[str] | None]:
    """The lines of a record, None for each that is none of a record, and for no file of our own."""
    try:
        text = read_regular(record, _MOST, links=False).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    except OSError:
        return [None]
    return [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]


def _content(path: Path) -> str:
    """The checksum of a file, "" where there is none that can be ours: no link, no pipe."""
    try:
        return _checksum(path)
    except OSError:
        return ""


def _checksum(path: Path) -> str:
    with open_regular(path, links=False) as file:
        return file_digest(file, "sha256").hexdigest()
