"""How long the page that predicts inside the browser takes for a proteome.

    python benchmarks/static_site.py proteome.faa [--times 3]

Chromium without a window and a plain web server; the time is from the press of the button to the
results. The command predicts the same file in turn, so that both had the same machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.browser import driven
from tests.support.site import served, written


def in_browser(address: str, fasta: Path) -> tuple[float, float]:
    """Seconds until the page is ready, and from the button to the results."""
    with driven() as browser:
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]")
        ready = time.perf_counter() - begun
        page.set_input_files("#files", fasta)
        page.wait_for_timeout(2000)  # the runtime starts while a user looks at the input
        begun = time.perf_counter()
        page.click("#predict")
        page.wait_for_selector("#results-view:not([hidden])", timeout=600_000)
        return ready, time.perf_counter() - begun


def by_command(fasta: Path) -> float:
    """Seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "peft_sp.cli.main", "predict", str(fasta), "-o", folder]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fasta", type=Path)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder, served(written(Path(folder))) as address:
        for _ in range(given.times):
            found.append((*in_browser(address, given.fasta), by_command(given.fasta)))
    ready, browser, command = (statistics.median(column) for column in zip(*found, strict=True))
    count = given.fasta.read_bytes().count(b">")
    print(
        f"{count:,} proteins, {os.cpu_count()} processors, medians of {given.times}: page ready "
        f"after {ready:.1f} s, predicted after {browser:.1f} s; the command {command:.1f} s, "
        f"a ratio of {browser / command:.1f}"
    )


if __name__ == "__main__":
    main()
