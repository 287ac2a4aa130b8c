"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from peft_sp.errors import OutputError


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
