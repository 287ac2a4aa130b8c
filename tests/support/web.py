"""The service as a user runs it: `peft-sp serve` in a process of its own, and a browser's pages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH

from tests.support.packs import Site
from tests.support.paths import ROOT

READY = "html[data-ready=yes]"
"""What a page is once it can be used."""

RESULTS = "#results-view:not([hidden])"

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


@contextmanager
def watched_pages(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens pages whose errors are a test's: of their script, and of their security policy."""
    contexts, troubles = [], []

    def note(line: Any) -> None:
        if line.type == "error" and "status of 4" not in line.text:
            troubles.append(line.text)

    def opened(fragment: str = "", **options: Any) -> Any:
        context = chromium.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", note)
        page.goto(f"{address}/{fragment}")
        page.wait_for_selector(READY, state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def predict_example(page: Any, address: str) -> None:
    """Have the page show the results of its example, compared with `PACK`."""
    page.goto(address)
    page.wait_for_selector(READY, state="attached")
    page.click("#example")
    page.wait_for_function("() => document.getElementById('fasta').value.length > 1000")
    page.select_option("#compare", PACK)
    page.click("#predict")
    page.wait_for_selector(RESULTS)
    page.wait_for_selector("#picture[data-protein]")


def violations(page: Any, within: str = "html") -> list[tuple[str, str]]:
    """What axe finds that is serious, in an element."""
    page.evaluate(Path(AXE_FILE_PATH).read_text())
    run = "(within) => axe.run(within, { resultTypes: ['violations'] })"
    found = page.evaluate(run, within)["violations"]
    return [
        (one["id"], node["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def rows(page: Any) -> Any:
    """The rows of the table that are in the page, from the top."""
    return page.evaluate(
        "() => [...document.querySelectorAll('#body .row')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
