"""The service as a user runs it: `peft-sp serve` in a process of its own, and a browser's pages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY = "html[data-ready=yes]"
"""What a page is once it can be used."""


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[str]:
    """The address of a server with its jobs in this directory, which is stopped at the end."""
    errors = directory / "serve.log"
    command = [sys.executable, "-m", "peft_sp.cli.main", "serve", "--port", "0", *options]
    with errors.open("w") as log:
        process = subprocess.Popen(
            [*command, "--directory", str(directory / "jobs")],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://[\w.:]+", line)
        assert address, line + errors.read_text()
        yield address[0]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
