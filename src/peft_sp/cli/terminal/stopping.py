"""Signals that ask a command to end: the first does, and what it leaves behind is not disturbed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(SystemExit):
    """A signal asked the command to end; `code` is 128 and its number, as in shells."""


class Signals:
    """From now on the first signal raises Stopped, and further ones change nothing.

    Context managers, which know what is left of a run, are thus left in peace. A program that
    `nohup` started stays deaf to hang-ups.
    """

    def __init__(self) -> None:
        known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]  # not Windows
        ignored = getattr(signal, "SIGHUP", None)
        self._numbers = [
            n for n in known if n != ignored or signal.getsignal(n) is not signal.SIG_IGN
        ]
        self._set(self._stop)
        sys.unraisablehook = self._deliver_again

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
        number = int(str(lost.exc_value.code)) - 128
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
