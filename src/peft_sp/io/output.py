"""Output files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TextIO

from peft_sp.errors import OutputError


class OutputFiles:
    """The files of a run: written in a hidden folder beside, moved together at the end.

    A context manager; if its body fails, nothing is left, not even a directory it made.
    Raises OutputError where the directory cannot be made or written.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._open: dict[str, TextIO] = {}
        self._made: list[Path] = []

    def __enter__(self) -> OutputFiles:
        missing = [p for p in (self.directory, *self.directory.parents) if not p.exists()]
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._made = missing
            # A folder of this run's own: another run into the same directory is not disturbed.
            self._staging = Path(tempfile.mkdtemp(prefix=".peft-sp-", dir=self.directory))
        except OSError as error:
            for folder in missing:
                if folder.is_dir():
                    folder.rmdir()
            raise self._error(error) from None
        return self

    def open(self, name: str) -> TextIO:
        """A text file that will be called `name`."""
        try:
            file = (self._staging / name).open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._error(error) from None
        self._open[name] = file
        return file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failure: OSError | None = None
        for file in self._open.values():
            try:
                file.close()
            except OSError as problem:
                failure = problem
        if kind is None and failure is None:
            try:
                for name in self._open:
                    (self._staging / name).replace(self.directory / name)
            except OSError as problem:
                failure = problem
        shutil.rmtree(self._staging, ignore_errors=True)
        if kind is not None or failure is not None:
            for folder in self._made:
                try:
                    folder.rmdir()
                except OSError:
                    break
        if isinstance(error, OSError):
            raise self._error(error) from None
        if failure is not None and kind is None:
            raise self._error(failure) from None

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.directory}: cannot be written ({error.strerror}); choose another with -o"
        )


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that appears whole. Raises OutputError."""
    partial = None
    try:
        # A name of its own: processes of one run may write the same file.
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with open(descriptor, "wb") as file:
            file.write(content)
        Path(partial).chmod(0o666 & ~umask())
        Path(partial).replace(path)
    except OSError as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def umask() -> int:
    """The permissions that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears whole. Raises OutputError."""
    write_bytes(path, text.encode())
