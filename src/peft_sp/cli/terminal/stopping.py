"""Signals that ask a command to end: the first does, and what it leaves behind is not disturbed.

Python hears a signal between two of its own steps, and a step inside a library may take for ever. A
thread that the kernel wakes therefore looks whether the command ends, and ends it if it does not.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_BEGINS_WITHIN = 10.0
"""Seconds after a signal in which a command must have begun to end."""
_HURRIED = 1.0
"""The same after a second signal."""
_ENDS_WITHIN = 20.0
"""Seconds for what has begun to end, such as batches that other threads compute."""
_LOOKS_EVERY = 0.1
_LATE = "stopped in the middle of a step that took too long; a run that was begun has --resume"


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
        self._stopped = 0  # the code of Stopped, once it was raised
        self._set(self._stop)
        sys.unraisablehook = self._deliver_again
        if os.name == "posix":
            self._watch()

    @contextmanager
    def ending_at_once(self) -> Iterator[None]:
        """Meanwhile nothing has begun that would be left behind: a signal ends the process.

        Raised while modules are loaded, it might be taken for an error of theirs.
        """
        self._set(_end)
        yield
        self._set(self._stop)

    def raise_again(self) -> None:
        """Raise Stopped where it was raised and got lost.

        Ray puts an end of its own in its place when a signal comes while it waits.
        """
        if self._stopped:
            raise Stopped(self._stopped)

    def ignore(self) -> None:
        """All is done: nothing is left to stop."""
        self._set(signal.SIG_IGN)

    def _set(self, handler: Any) -> None:
        for number in self._numbers:
            signal.signal(number, handler)

    def _stop(self, number: int, _: Any) -> None:
        self.ignore()
        self._stopped = 128 + number
        raise Stopped(self._stopped)

    def _deliver_again(self, lost: Any) -> None:
        """It came while Python did away with an object, where nothing can be raised."""
        if not isinstance(lost.exc_value, Stopped):
            sys.__unraisablehook__(lost)
            return
        self._stopped = 0
        self._set(self._stop)
        number = lost.exc_value.code - 128
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()

    def _watch(self) -> None:
        """Start the thread. The kernel tells it of signals through a pipe."""
        import fcntl

        ends = os.pipe()
        # Not in place of a standard stream that is closed.
        told, tells = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends)
        for end in ends:
            os.close(end)
        os.set_blocking(tells, False)
        signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=_listen_no_more)
        threading.Thread(target=self._attend, args=(told,), daemon=True).start()

    def _attend(self, told: int) -> None:
        while True:
            number = os.read(told, 1)[0]
            end = time.monotonic() + _BEGINS_WITHIN
            while self._is_unheard(number):
                if time.monotonic() > end:
                    _leave(number)
                if select.select([told], [], [], _LOOKS_EVERY)[0]:
                    again = self._is_unheard(os.read(told, 1)[0])
                    end = min(end, time.monotonic() + _HURRIED) if again else end
            end = time.monotonic() + _ENDS_WITHIN
            while self._stopped:
                if time.monotonic() > end:
                    _leave(number)
                time.sleep(_LOOKS_EVERY)

    def _is_unheard(self, number: int) -> bool:
        """Whether a signal came that the command has not begun to end for."""
        return number in self._numbers and signal.getsignal(number) == self._stop


def _listen_no_more() -> None:
    """A process that was forked off is not the command."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)


def _leave(number: int) -> None:
    """End the command, whatever it is doing; what is left is as after a kill, and resumable."""
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # the cursor, below a bar of progress
    with suppress(OSError):
        os.write(2, f"{shown}peft-sp: {_LATE}\n".encode())
    os._exit(128 + number)
