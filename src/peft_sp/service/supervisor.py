"""The processes of workers: started, started again when they end, and ended with the server."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from peft_sp.errors import OutputError
from peft_sp.inference.hardware.processors import available_processors
from peft_sp.io.atomic import locked
from peft_sp.io.child import Child
from peft_sp.service.jobs import JobStore
from peft_sp.service.leases import reclaim
from peft_sp.service.settings import ServiceSettings
from peft_sp.service.worker import work

_STOPS_WITHIN = 10.0
"""Seconds that workers have to give their jobs back."""
_TIDIES_EVERY = 60.0
_WAITS, _LONGEST_WAIT, _LIVED = 0.5, 30.0, 60.0
"""Seconds before a worker is started again, more each time, unless it lived so long."""
_log = logging.getLogger("peft_sp.service")


class Supervisor:
    """Runs the workers of a service while its context is open, and tidies its store.

    Raises OutputError where the directory cannot be used, or another server uses it.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        threads = settings.threads or max(1, available_processors() // settings.workers)
        self._settings = replace(settings, threads=threads)
        self._store = JobStore(settings)
        self._stopping = threading.Event()
        self._children: dict[int, Child] = {}
        self._threads = [
            threading.Thread(target=self._watch, args=(number,), daemon=True)
            for number in range(settings.workers)
        ]
        self._threads.append(threading.Thread(target=self._tidy, daemon=True))
        self._lock = ExitStack()

    def __enter__(self) -> Supervisor:
        folder = self._settings.directory
        busy = f"{folder}: another server uses it; stop that, or choose another directory"
        self._lock.enter_context(locked(folder, busy))
        reclaim(self._store)  # workers of an earlier server have ended, or do so now
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for child in list(self._children.values()):
            child.ask_to_end()
        end = time.monotonic() + _STOPS_WITHIN
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        for child in list(self._children.values()):
            child.end()
        for thread in self._threads:
            thread.join()
        self._store.close()
        self._lock.close()

    def _watch(self, number: int) -> None:
        wait = _WAITS
        while not self._stopping.is_set():
            name, began = f"{number}-{secrets.token_hex(8)}", time.monotonic()
            try:
                self._run(number, name)
                reclaim(self._store, name)
            except Exception as error:  # of one attempt; the next may go well
                _log.warning("a worker has ended, and is started again: %s", error)
            if time.monotonic() > began + _LIVED:
                wait = _WAITS
            self._stopping.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _run(self, number: int, name: str) -> None:
        """Run a worker until it ends, and give back the job that it had."""
        child = self._children[number] = Child()
        try:
            if not self._stopping.is_set():
                child.call(work, self._settings, name)
        except OutputError:
            if not self._stopping.is_set():
                _log.warning("a worker has ended, and is started again")
        finally:
            child.close()
            del self._children[number]

    def _tidy(self) -> None:
        while True:
            try:
                self._store.tidy()
            except (OutputError, OSError) as error:  # a full disk may have room again
                _log.warning("%s", error)
            if self._stopping.wait(_TIDIES_EVERY):
                return
