"""Files and directories that appear whole or not at all, and the lock that keeps others out."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from peft_sp.errors import OutputError

PARTIAL = ".peft-sp-"
"""How names of files and folders begin until these are whole."""
PLAIN, EXECUTABLE = 0o666, 0o777
"""Permissions of new files before the process's umask."""


def write_text(path: Path, text: str, permissions: int = PLAIN) -> None:
    """Write a text file that appears whole. Raises OutputError."""
    write_bytes(path, text.encode(), permissions)


def write_bytes(path: Path, content: bytes, permissions: int = PLAIN) -> None:
    """Write a file that appears whole. Raises OutputError."""
    try:
        replace_file(path, content, permissions)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def replace_file(
    path: Path, content: bytes, permissions: int = PLAIN, durable: bool = False
) -> None:
    """Write a file that appears whole; `durable`: and that outlasts a power cut.

    Raises OSError.
    """
    # A name of its own: processes of one run may write the same file.
    descriptor, name = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.chmod(permissions & ~umask())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


@contextmanager
def staging(target: Path, remedy: str = "") -> Iterator[Path]:
    """A new folder beside `target`, on the same disk, to prepare it in; it is gone afterwards.

    Raises OutputError for any OSError inside; remedy: what its message tells the user to do.
    """
    folder = None
    try:
        parent = target.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=parent))
        yield folder
    except OSError as error:
        advice = f"; {remedy}" if remedy else ""
        raise OutputError(f"{target}: cannot be written ({error.strerror}){advice}") from None
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def publish(source: Path, target: Path) -> None:
    """Let a file or a directory appear under its name; an empty directory there gives way.

    Raises OSError.
    """
    grant_permissions(source)
    source.replace(target)


def grant_permissions(path: Path) -> None:
    """Give a file, or a directory and all in it, the permissions that new ones would have.

    Temporary ones, and those of some libraries, belong to their owner alone. Raises OSError.
    """
    mask = umask()
    for own in (path, *path.rglob("*")):
        own.chmod((EXECUTABLE if own.is_dir() else PLAIN) & ~mask)


def umask() -> int:
    """The permissions that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_directory(directory: Path) -> None:
    """Have the names in a directory outlast a power cut, where the file system can do that."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:  # Windows opens no directories
        return
    try:
        with suppress(OSError):  # some network file systems cannot do it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(directory: Path, busy: str | None = None) -> Iterator[None]:
    """Keep every other holder of this lock out of a directory, in this process and in others.

    The directory itself is locked, so that no lock file is left in it, and the lock ends with
    the process, however that ends. Where the system or the file system locks no directories,
    there is no lock. Where another holds it, raises OutputError with the message `busy`, or waits
    if there is none.
    """
    if os.name == "nt":
        yield
        return
    from filelock import lock_descriptor  # loaded by those alone that need a lock

    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be read ({error.strerror})") from None
    try:
        with suppress(OSError):  # a file system without locks
            if not lock_descriptor(descriptor, blocking=busy is None) and busy is not None:
                raise OutputError(busy)
        yield
    finally:
        os.close(descriptor)
