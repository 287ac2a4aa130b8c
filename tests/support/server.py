"""`peft-sp serve` in a process of its own, on a port that is free."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.commands import PEFT_SP
from tests.support.processes import children_of


class Server:
    """A server that can be stopped or killed, and started again on its port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._command = [*PEFT_SP, "serve", "-d", str(folder), *options]
        self.process: subprocess.Popen[str]
        self.port, self.url = 0, ""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [*self._command, "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("http://"), self.end()
        self.url = line.split()[0].rstrip("/")
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    def kill(self, server: bool = True) -> None:
        """SIGKILL to its workers and to itself, or to the workers alone."""
        numbers = [*([self.process.pid] if server else []), *children_of(self.process.pid)]
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        if server:
            self.end()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send it a signal; its exit code, and what was on its streams since it was started."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; the same."""
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors

    def ask(self, path: str, content: Any = None, method: str | None = None, **headers: str) -> Any:
        """What it answers, from JSON; content: to be sent as JSON. Raises HTTPError."""
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.url}{path}", body, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if "json" in answer.headers["Content-Type"] else text.decode()

    def finished(self, path: str, seconds: float = 120) -> dict[str, Any]:
        """The job of a path when it is over."""
        end = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self.ask(path)
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            assert time.monotonic() < end, job
            time.sleep(0.05)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Server]:
    """A server that has ended afterwards."""
    server = Server(folder, *options)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
