"""Files that anybody may have put into a directory: regular ones are read, nothing else.

A name in a foreign directory may be a pipe, which waits for ever, a device, which never ends, or a
link to what is elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_FLAGS |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def open_regular(file: Path, links: bool = True) -> BufferedReader:
    """Open a regular file for reading. Raises OSError, for pipes, devices and directories too.

    links: whether it may be a link to such a file.
    """
    if not links and file.is_symlink():
        raise OSError(errno.ELOOP, "it is a link", str(file))
    descriptor = os.open(file, _FLAGS if links else _FLAGS | _NO_LINKS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(file))
    return open(descriptor, "rb")


def read_regular(file: Path, most: int, links: bool = True) -> bytes:
    """The content of a regular file of at most `most` bytes, see `open_regular`. Raises OSError."""
    with open_regular(file, links) as stream:
        # Before anything is read: a file without content may have any size.
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(most + 1) if size <= most else b""
    if max(size, len(content)) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(file))
    return content


def require_own(directory: Path, file: Path) -> None:
    """Make sure that a file of a model is regular, and inside the model's directory.

    The cache of the hub library holds a model as links to files in a folder beside it, which is
    the model's own as well. Raises OSError.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(file))
    own, real = directory.resolve(), file.resolve()
    blobs = own.parent.parent / "blobs"
    in_cache = own.parent.name == "snapshots" and real.is_relative_to(blobs)
    if not (in_cache or real.is_relative_to(own)):
        raise OSError(errno.EXDEV, "it is a link to a file outside the model's directory")
