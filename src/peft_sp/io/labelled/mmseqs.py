"""Pairs of windows that may be alike, found by the program MMseqs2 where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peft_sp.errors import PeftSpError

PROGRAM = "mmseqs"
_SEARCH = ("-s", "7.5", "-e", "1", "--max-seqs", "4000", "-v", "1")
"""The most sensitive search; hits that chance alone would give once in the whole data."""


class MMseqsError(PeftSpError):
    """MMseqs2 that is missing or failed."""


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which(PROGRAM) is not None


def alike(windows: Sequence[str]) -> NDArray[np.int64]:
    """Pairs (P, 2) of windows, first below second, that MMseqs2 finds in a search of all for all.

    Raises MMseqsError.
    """
    if not installed():
        raise MMseqsError(
            "MMseqs2 is not installed: apt install mmseqs2, conda install -c bioconda mmseqs2, or "
            "--method kmers, which needs nothing"
        )
    with tempfile.TemporaryDirectory(prefix="peft-sp-") as directory:
        fasta, hits = Path(directory, "windows.faa"), Path(directory, "hits.tsv")
        fasta.write_text("".join(f">{row}\n{window}\n" for row, window in enumerate(windows)))
        files = (str(fasta), str(fasta), str(hits), str(Path(directory, "work")))
        run = subprocess.run(
            [PROGRAM, "easy-search", *files, *_SEARCH, "--format-output", "query,target"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if run.returncode:
            said = (run.stderr or run.stdout).strip().splitlines()
            raise MMseqsError(
                f"mmseqs easy-search failed ({said[-1] if said else run.returncode}); "
                "--method kmers does without it"
            )
        numbers = np.array(hits.read_text().split(), dtype=np.int64).reshape(-1, 2)
    pairs = np.unique(np.sort(numbers, axis=1), axis=0)
    return pairs[pairs[:, 0] < pairs[:, 1]]
