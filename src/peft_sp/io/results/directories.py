"""Where a command may write: looked at before any work."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

from peft_sp.errors import OutputError
from peft_sp.io.registry.regular import open_regular


def refuse_foreign_directory(directory: Path, *own: str, option: str = "-o") -> None:
    """Raise OutputError where a run cannot write a directory, or where it holds something else.

    Or has a name that the libraries which write there cannot take. own: patterns of the names that
    a run gives to what it leaves first.
    """
    refuse_other_encodings(directory, option)
    refuse_unwritable(directory, option)
    try:
        names = sorted(path.name for path in directory.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written ({error.strerror})") from None
    if names and not any(fnmatchcase(name, pattern) for name in names for pattern in own):
        raise OutputError(
            f"{directory}: holds {names[0]}, and no run to continue; give an empty or a new "
            f"directory with {option}"
        )


def refuse_foreign_file(path: Path, beginning: str, option: str = "-o") -> None:
    """Raise OutputError where a file that is to be written is there and begins otherwise.

    beginning: of each such file that a run of the same command leaves.
    """
    expected = beginning.encode()
    try:
        with open_regular(path, links=False) as file:
            found = file.read(len(expected))
    except FileNotFoundError:
        return
    except OSError:
        found = b""
    if found != expected:
        raise OutputError(
            f"{path}: was not written by this command; move it away, or choose another with "
            f"{option}"
        )


def refuse_in_the_way(directory: Path, option: str = "-o") -> None:
    """Raise OutputError where something else has the name of a directory, or of one above."""
    for path in (directory, *directory.parents):
        if os.path.lexists(path) and not _is_directory(path):
            kind = "a file, not a directory" if path.is_file() else "not a directory"
            raise OutputError(f"{path}: is {kind}; choose another with {option}")


def refuse_unwritable(directory: Path, option: str = "-o") -> None:
    """Raise OutputError where a directory cannot be made, or nothing can be written into it."""
    refuse_in_the_way(directory, option)
    try:
        os.lstat(directory)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a name that is too long
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(
            f"{directory}: cannot be written ({reason}); choose another with {option}"
        ) from None
    there = next(path for path in (directory, *directory.absolute().parents) if _is_directory(path))
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(
            f"{directory}: cannot be written (no right to write into {there}); choose another "
            f"with {option}"
        )


def refuse_unwritable_file(path: Path, option: str = "-o") -> None:
    """Raise OutputError where a single file cannot be written: its directory must be there."""
    if _is_directory(path):
        raise OutputError(f"{path}: is a directory, not a file; choose another with {option}")
    if not _is_directory(path.parent):
        refuse_in_the_way(path.parent, option)
        raise OutputError(
            f"{path}: cannot be written (there is no directory {path.parent}); make it, or choose "
            f"another with {option}"
        )
    refuse_unwritable(path.parent, option)


def refuse_other_encodings(path: Path, option: str = "-o") -> None:
    """Raise OutputError where a path has bytes that are no UTF-8."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise OutputError(
            f"{path}: is not UTF-8, as names have to be here; choose another with {option}"
        ) from None


def _is_directory(path: Path) -> bool:
    """Whether there is one, as far as may be seen."""
    try:
        return path.is_dir()
    except OSError:
        return False
