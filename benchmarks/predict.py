"""Speed and memory of the whole command `peft-sp predict`, with all files written.

Prints a Markdown table: medians of whole processes, and the largest peak of memory. Beside the
rate stands the rate of float32 matrix products on this machine in the same run, so that two
machines, or a busy one and an idle one, can be compared.

    python benchmarks/predict.py [--fasta FILE] [--sizes 1 20000 100000] [--runs 3]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peft_sp.io.fasta import read_raw

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecoli_300.faa"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def proteins(sources: list[Path], count: int) -> Iterator[str]:
    """`count` FASTA records with ids and first residues of their own.

    Proteins are repeated where there are too few; a few residues are exchanged then, since
    identical windows would be computed only once.
    """
    real = [raw for source in sources for raw in read_raw(source)]
    rng = np.random.default_rng(0)
    for number in range(count):
        raw = real[number % len(real)]
        sequence = raw.sequence
        if number >= len(real):
            letters = list(sequence)
            for place in rng.integers(1, min(len(letters), 70), 4):
                letters[place] = LETTERS[rng.integers(20)]
            sequence = "".join(letters)
        yield f">p{number} {raw.header}\n{sequence}\n"


def run(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds, usage.ru_maxrss / 1024


def matrix_rate() -> float:
    """Thousand millions of float32 operations a second in matrix products."""
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / statistics.median(times) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fasta", type=Path, nargs="+", default=[EXAMPLE])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 20_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="fast")
    options = parser.parse_args()
    cpus = len(os.sched_getaffinity(0))
    print(
        f"{platform.machine()}, {cpus} processors, Python {platform.python_version()}; "
        f"model {options.model}; median of {options.runs} runs.\n"
    )
    print("| proteins | seconds | proteins/s | peak memory | matrix products |")
    print("|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            path = Path(folder, f"{size}.faa")
            with path.open("w") as file:
                file.writelines(proteins(options.fasta, size))
            command = [sys.executable, "-m", "peft_sp.cli.main", "predict", str(path)]
            command += ["-m", options.model, "-o", str(Path(folder, "out"))]
            figures = [run(command) for _ in range(options.runs + 1)][1:]
            seconds = statistics.median(s for s, _ in figures)
            memory = max(m for _, m in figures)
            print(
                f"| {size:,} | {seconds:.2f} | {size / seconds:,.0f} | {memory:.0f} MB "
                f"| {matrix_rate():.0f} GFLOP/s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
