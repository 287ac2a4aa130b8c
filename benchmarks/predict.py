"""Speed and memory of the whole command `peft-sp predict`, with all files written.

Prints a Markdown table: medians of whole processes, and the largest peak of memory. Beside the
rate stands the rate of float32 matrix products on this machine in the same run, so that two
machines, or a busy one and an idle one, can be compared.

    python benchmarks/predict.py [--fasta FILE] [--sizes 1 20000 100000] [--runs 3]
        [--model fast --model my-model] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
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

from peft_sp.io.raw_fasta import read_raw
from peft_sp.io.registry.lookup import locate
from peft_sp.io.registry.model_config import ModelConfig

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
            for position in rng.integers(1, min(len(letters), 70), 4):
                letters[position] = LETTERS[rng.integers(20)]
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


def command(model: str, sources: list[Path], size: int, runs: int) -> tuple[float, float]:
    """Median seconds and largest peak of memory in MB of `peft-sp predict`, after one more run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "proteins.faa")
        with path.open("w") as file:
            file.writelines(proteins(sources, size))
        words = [sys.executable, "-m", "peft_sp.cli.main", "predict", str(path), "-m", model]
        figures = [run([*words, "-o", str(Path(folder, "out"))]) for _ in range(runs + (runs > 1))]
    counted = figures[runs > 1 :]
    return statistics.median(s for s, _ in counted), max(m for _, m in counted)


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
    parser.add_argument("--model", action="append", help="name or directory; default: fast")
    parser.add_argument("--json", type=Path, help="where the figures go as well")
    options = parser.parse_args()
    cpus = len(os.sched_getaffinity(0))
    rows = []
    print(
        f"{platform.machine()}, {cpus} processors, Python {platform.python_version()}; "
        f"median of {options.runs} runs.\n"
    )
    print("| model | proteins | seconds | proteins/s | peak memory | matrix products |")
    print("|---|--:|--:|--:|--:|--:|")
    for model in options.model or ["fast"]:
        for size in options.sizes:
            seconds, memory = command(model, options.fasta, size, options.runs)
            rate = matrix_rate()
            print(
                f"| {model} | {size:,} | {seconds:.2f} | {size / seconds:,.0f} | {memory:.0f} MB "
                f"| {rate:.0f} GFLOP/s |",
                flush=True,
            )
            rows.append(
                {
                    "model": ModelConfig.read(locate(model)).name or model,
                    "proteins": size,
                    "seconds": round(seconds, 2),
                    "megabytes": round(memory),
                    "gflops": round(rate),
                }
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
