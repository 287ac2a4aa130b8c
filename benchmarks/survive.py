"""A long run that is killed again and again, against one that is not.

Prints Markdown: time, rate and peak memory of the whole command for few and for many proteins,
straight and killed by SIGKILL at random moments and resumed, and whether each file is the same
byte for byte. Processor seconds stand beside those of the clock, since a machine may be busy.

    python benchmarks/survive.py [--fasta FILE...] [--proteins 500000] [--kills 3]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peft_sp.io.raw_fasta import read_raw
from peft_sp.io.results.journal import Journal
from peft_sp.io.results.protection import UNFINISHED
from peft_sp.io.results.unfinished import JOURNAL

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecoli_300.faa"


@dataclass(frozen=True)
class Attempt:
    """One process: seconds of the clock and of the processors, peak memory in MB."""

    seconds: float
    processor: float
    memory: float
    killed: bool


def repeated(sources: list[Path], count: int) -> Iterator[str]:
    """`count` FASTA records: the sources over and over, under ids of their own."""
    real = [raw for source in sources for raw in read_raw(source)]
    for number in range(count):
        raw = real[number % len(real)]
        yield f">p{number} {raw.header}\n{raw.sequence}\n"


def attempt(fasta: Path, directory: Path, model: str, after: float | None = None) -> Attempt:
    """Predict into `directory`/out, resuming what is there; killed `after` some seconds."""
    directory.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "peft_sp.cli.main", "predict", str(fasta), "-m", model]
    # Relative names and one time stamp, so that two runs can be compared.
    process = subprocess.Popen(
        [*command, "-o", "out", "--resume"],
        cwd=directory,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        stdout=subprocess.DEVNULL,
    )
    start = time.perf_counter()
    killed = False
    while True:
        pid, status, usage = os.wait4(process.pid, 0 if after is None or killed else os.WNOHANG)
        if pid:
            break
        time.sleep(0.05)
        if after is not None and time.perf_counter() - start > after:
            process.kill()
            killed = True
    seconds = time.perf_counter() - start
    if status and not killed:
        raise SystemExit(f"{' '.join(command)} failed")
    return Attempt(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, bool(status))


def row(name: str, count: int, attempts: list[Attempt]) -> None:
    seconds = sum(a.seconds for a in attempts)
    processor = sum(a.processor for a in attempts)
    print(
        f"| {name} | {count:,} | {seconds:,.0f} | {count / seconds:,.0f} | {processor:,.0f} "
        f"| {count / processor:,.0f} | {max(a.memory for a in attempts):,.0f} MB |",
        flush=True,
    )


def survive(
    fasta: Path, directory: Path, model: str, straight: float, kills: int, seed: int
) -> tuple[list[Attempt], list[int]]:
    """Attempts until the run is through, and proteins that were done after each kill."""
    chosen = random.Random(seed)
    attempts, done = [], []
    for _ in range(kills):
        fraction = chosen.uniform(0.1, 0.9) / kills
        attempts.append(attempt(fasta, directory, model, fraction * straight))
        if not attempts[-1].killed:
            break
        journal = Journal.read(directory / "out" / UNFINISHED / JOURNAL)
        done.append(journal.done if journal else 0)
    else:
        attempts.append(attempt(fasta, directory, model))
    return attempts, done


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fasta", type=Path, nargs="+", default=[EXAMPLE])
    parser.add_argument("--proteins", type=int, default=500_000)
    parser.add_argument("--few", type=int, default=20_000, help="for the peak of a smaller run")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="fast")
    options = parser.parse_args()
    print("| run | proteins | seconds | proteins/s | processor s | a processor s | peak memory |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many, few = folder / "many.faa", folder / "few.faa"
        for path, count in ((few, options.few), (many, options.proteins)):
            with path.open("w") as file:
                file.writelines(repeated(options.fasta, count))
        row("straight", options.few, [attempt(few, folder / "few", options.model)])
        straight = attempt(many, folder / "straight", options.model)
        row("straight", options.proteins, [straight])
        attempts, done = survive(
            many, folder / "killed", options.model, straight.seconds, options.kills, options.seed
        )
        row(f"killed {len(done)} times", options.proteins, attempts)
        for one_attempt, after in zip(attempts, done, strict=False):
            print(f"\nkilled after {one_attempt.seconds:,.0f} s, then {after:,} proteins were done")
        print("\n| file | bytes | sha256, straight | killed and resumed |\n|---|--:|---|---|")
        same = True
        files = sorted(p for p in (folder / "straight" / "out").iterdir())
        for path in files:
            one, other = digest(path), digest(folder / "killed" / "out" / path.name)
            same &= one == other
            verdict = "the same" if one == other else other[:16]
            print(f"| {path.name} | {path.stat().st_size:,} | {one[:16]} | {verdict} |")
        left = {p.name for p in (folder / "killed" / "out").iterdir()} - {p.name for p in files}
    if left or not same:
        raise SystemExit(f"the resumed run differs {left or ''}")


if __name__ == "__main__":
    main()
