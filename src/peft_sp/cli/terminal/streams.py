"""Standard output and error, as a command needs them: open, and able to show any text."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from peft_sp.errors import OutputError

_OUTPUT, _ERRORS = 1, 2
_UNPRINTABLE = "backslashreplace"
"""What becomes of letters that the locale does not have."""


class ReaderGone(SystemExit):
    """Nobody reads standard output any more, as after `head`: there is nothing left to do."""

    def __init__(self) -> None:
        super().__init__(0)


def open_streams() -> None:
    """Have both streams write as commands expect.

    Standard output raises OutputError where it cannot be written, and ReaderGone. What cannot be
    written to standard error is dropped: a lost message must not cost the results. Streams that
    the caller replaced, as tests do, stay.
    """
    for descriptor in (0, _OUTPUT, _ERRORS):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: a file of ours would be opened there, and messages go into it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(_Output(_OUTPUT, "wb", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(_Errors(_ERRORS, "wb", closefd=False), sys.stderr)


def for_data() -> TextIO:
    """Standard output for a table or records: UTF-8 whatever the locale, lines as they are.

    Raises OutputError where it is closed.
    """
    if sys.__stdout__ is None:
        raise OutputError("standard output: is closed; give -o a file or directory")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n", errors=_UNPRINTABLE)
    return sys.stdout


def _stream(raw: io.FileIO, former: TextIO | None) -> TextIO:
    """A text stream of the encoding that Python chose."""
    at_terminal = raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=former.encoding if former else "utf-8",
        errors=_UNPRINTABLE,
        line_buffering=at_terminal or raw.fileno() == _ERRORS,
    )


class _Output(io.FileIO):
    """Standard output below its buffer."""

    def write(self, content: object, /) -> int:
        try:
            return super().write(content)  # type: ignore[arg-type]
        except OSError as error:
            # What is still buffered has nowhere to go; it must not be tried again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from None
            raise OutputError(f"standard output: cannot be written ({error.strerror})") from None


class _Errors(io.FileIO):
    """Standard error below its buffer."""

    def write(self, content: object, /) -> int:
        try:
            return super().write(content)  # type: ignore[arg-type]
        except OSError:
            return memoryview(content).nbytes  # type: ignore[arg-type]
