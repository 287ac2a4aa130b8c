"""Where an input lies: files of this machine, folders, patterns, and addresses such as `s3://`.

An address is read by `fsspec`, which the extra `shards` brings; some kinds need one package more.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

from peft_sp.errors import InputError, MissingExtraError, UnreadableError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PATTERN = re.compile(r"[*?\[]")
SUFFIXES = (".fa", ".faa", ".fas", ".fasta", ".fsa", ".pep")
COMPRESSED = (".gz", ".zst", ".xz", ".bz2")


def is_address(name: str) -> bool:
    """Whether a name is an address and no path of this machine."""
    return _ADDRESS.match(name) is not None


def expanded(names: Iterable[str]) -> list[str]:
    """Files that are meant: of a folder all FASTA files in it, of a pattern all that fit, by name.

    Raises InputError where nothing is there, or a file is named twice.
    """
    found: list[str] = []
    for name in names:
        if is_address(name):
            found += _of_address(name)
        elif Path(name).is_dir():
            own = sorted(os.fspath(file) for file in Path(name).iterdir() if _is_fasta(file.name))
            if not own:
                ends = ", ".join(SUFFIXES)
                raise InputError(f"the folder has no FASTA files ({ends}, or .gz ...)", path=name)
            found += own
        elif _PATTERN.search(name) and not Path(name).exists():
            fitting = glob.glob(name, recursive=True)  # noqa: PTH207  a Path knows no "/**"
            own = sorted(file for file in fitting if Path(file).is_file())
            if not own:
                raise InputError("no file fits this pattern", path=name)
            found += own
        else:
            found.append(name)
    seen: set[str] = set()
    for name in found:
        file = name if is_address(name) else os.path.realpath(name)
        if file in seen:
            raise InputError("this file is given twice; give it once", path=name)
        seen.add(file)
    return found


def _is_fasta(name: str) -> bool:
    lower = name.lower()
    for suffix in COMPRESSED:
        lower = lower.removesuffix(suffix)
    return lower.endswith(SUFFIXES)


def _of_address(name: str) -> list[str]:
    if not _PATTERN.search(name):
        return [name]
    system, path = _system(name)
    try:
        own = sorted(system.unstrip_protocol(file) for file in system.glob(path))
    except Exception as error:
        raise _unreadable(name, error) from None
    if not own:
        raise InputError("no file fits this pattern", path=name)
    return own


def size(name: str) -> int:
    """Bytes of a file. Raises InputError where it cannot be read."""
    if is_address(name):
        system, path = _system(name)
        try:
            return int(system.size(path))
        except Exception as error:
            raise _unreadable(name, error) from None
    from peft_sp.io.formats import check

    status = check(name)
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is a pipe, which cannot be read in parts; save it as a file", path=name)
    return status.st_size


def open_binary(name: str, block: int | None = None) -> BinaryIO:
    """A file or an address, to be read from any position. Raises InputError.

    block: bytes that an address is asked for at once, where few are needed; some ask for 50 MB.
    """
    if is_address(name):
        system, path = _system(name)
        try:
            return cast("BinaryIO", system.open(path, "rb", block_size=block))
        except Exception as error:
            raise _unreadable(name, error) from None
    try:
        return open(name, "rb")
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})", path=name) from None


def _system(name: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(f"an address such as {name}", "shards", error.name) from None
    try:
        system, path = fsspec.core.url_to_fs(name)
    except Exception as error:
        raise _unreadable(name, error) from None
    return system, path


def _unreadable(name: str, error: Exception) -> InputError:
    """Each kind of address has errors of its own."""
    if isinstance(error, FileNotFoundError):
        return InputError("no such file", path=name)
    return UnreadableError(f"cannot be read ({str(error) or type(error).__name__})", path=name)
