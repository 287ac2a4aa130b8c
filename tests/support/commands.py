"""Commands run as a user runs them, in a process of their own, and what they leave behind."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peft_sp.io.results.protection import RECORD
from tests.support import forked

if TYPE_CHECKING:
    from _typeshed import StrPath

PEFT_SP = (sys.executable, "-m", "peft_sp.cli.main")
ALL_FILES = {
    *("predictions.tsv", "predictions.gff3"),
    *("prediction_results.txt", "output.gff3", "region_output.gff3", "output.json"),
    "processed_entries.fasta",
    RECORD,
}


def peft_sp(
    *arguments: Any,
    stdin: bytes = b"",
    cwd: StrPath | None = None,
    environment: Mapping[str, str] | None = None,
    kind: str = "",
    **options: Any,
) -> tuple[int, str, str]:
    """Exit code, output and errors of `peft-sp` with some arguments.

    It is forked (`forked.start`), with some variables more in its environment; with something to
    read or other options it is started cold.
    """
    if not stdin and not options:
        around = {**os.environ, **(environment or {})}
        return forked.run(*arguments, cwd=cwd, environment=around, kind=kind)
    command = [*PEFT_SP, *map(str, arguments)]
    run = subprocess.run(command, input=stdin, capture_output=True, check=False, cwd=cwd, **options)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table of predictions."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def signalp6(*arguments: object, **options: Any) -> tuple[int, str, str]:
    """The command in SignalP 6's place."""
    return peft_sp("signalp6", *arguments, **options)


SIGNAL = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
"""A protein with a signal peptide of 21 residues."""
