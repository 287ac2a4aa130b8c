"""Signals that ask a command to end: the first does, and what it leaves behind is not disturbed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(SystemExit):
    """A signal asked the command to end; `code` is 128 and its number, as in shells."""

    code: int


def _end(number: int, _: Any) -> NoReturn:
    with suppress(OSError):  # closed
        os.write(2, b"peft-sp: stopped\n")
    os._exit(128 + number)


class Signals:
    """From now on the first signal raises Stopped, and further ones change nothing.

    Context managers, which know what is left of a run, are thus left in peace. What the program
    was started to ignore, as by `nohup`, `trap '' INT` or in the background, it goes on ignoring.
    """

    def __init__(self) -> None:
        known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]  # not Windows
        self._numbers = [n for n in known if signal.getsignal(n) is not signal.SIG_IGN]
        self._set(self._stop)
        sys.unraisablehook = self._deliver_again

    @contextmanager
    def ending_at_once(self) -> Iterator[None]:
        """Meanwhile nothing has begun that would be left behind: a signal ends the process.

        Raised while modules are loaded, it might be taken for an error of theirs.
        """
        self._set(_end)
        yield
        self._set(self._stop)

    def ignore(self) -> None:
        """All is done: nothing is left to stop."""
        self._set(signal.SIG_IGN)

    def _set(self, handler: Any) -> None:
        for number in self._numbers:
            signal.signal(number, handler)

    def _stop(self, number: int, _: Any) -> None:
        self.ignore()
        raise Stopped(128 + number)

    def _deliver_again(self, lost: Any) -> None:
        """It came while Python did away with an object, where nothing can be raised."""
        if not isinstance(lost.exc_value, Stopped):
            sys.__unraisablehook__(lost)
            return
        self._set(self._stop)
        number = lost.exc_value.code - 128
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
