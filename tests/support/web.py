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

from tests.support.packs import Site
from tests.support.paths import ROOT

READY = "html[data-ready=yes]"
"""What a page is once it can be used."""

PACK = "esm2-8m"
"""A model that `serving` has installed beside the package's own."""


def _installed(folder: Path) -> Path:
    """A folder for Python's path with the pack as pip leaves it."""
    pack = ROOT / "packs" / PACK / "src" / "peft_sp_esm2_8m"
    (folder / pack.name).symlink_to(pack)
    site = Site(folder)
    site.install(f"peft-sp-{PACK}", "0.1.0", f"[peft_sp.models]\n{PACK} = {pack.name}\n")
    return folder


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[str]:
    """The address of a server with its jobs in this directory, which is stopped at the end.

    It offers the package's model and `PACK`.
    """
    (directory / "site").mkdir()
    path = [str(_installed(directory / "site")), os.environ.get("PYTHONPATH", "")]
    options = (*options, "--model", "fast", "--model", PACK)
    errors = directory / "serve.log"
    command = [sys.executable, "-m", "peft_sp.cli.main", "serve", "--port", "0", *options]
    with errors.open("w") as log:
        process = subprocess.Popen(
            [*command, "--directory", str(directory / "jobs")],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
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
