"""What a Ray cluster costs beside the local engine, and the memory of its workers.

    python benchmarks/cluster.py --fasta proteomes/*.faa [--proteins 100000] [--shard 25000]
        [--workers 1 2] [--runs 3] [--together] [--shards-more 100] [--json FILE]

The same plan is done by `peft-sp shards run`, one process with one thread, and by
`peft-sp shards run --cluster local`; whole commands, Ray's start and end included, in turn. Beside
the time on the clock stands processor time, of all processes together, which other programs on the
machine lengthen least. Ratios are of runs that follow each other or, `--together`, go on beside
each other, so that both meet the same machine: with one worker and two processors. Where there are
more proteins than the files have, four residues of each further one are exchanged, so that all are
computed.

What one shard more costs is measured with shards of some proteins: so many more of them, by both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from predict import proteins

from peft_sp.io.registry.lookup import fingerprint, locate
from peft_sp.io.shards.plan import Plan, Predicting, make_plan

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecoli_300.faa"
COMMAND = (sys.executable, "-m", "peft_sp.cli.main", "shards", "run")
TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.5
"""Seconds between two looks at the processes."""


@dataclass
class Cost:
    """Of a command: seconds on the clock, of processors; MB of the command, of workers at most."""

    wall: float
    processor: float
    memory: float
    workers: list[float]


@dataclass
class Process:
    """What was last seen of a process."""

    name: str = ""
    seconds: float = 0
    memory: float = 0


def measured(words: list[str]) -> Cost:
    """Run a command, and look at it and all that it starts."""
    start = time.perf_counter()
    command = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    seen: dict[int, Process] = {}
    while command.poll() is None:
        for number in (command.pid, *descendants(command.pid)):
            look(number, seen.setdefault(number, Process()))
        time.sleep(EVERY)
    if command.returncode:
        raise SystemExit(f"{' '.join(words)} failed")
    workers = [one.memory for one in seen.values() if one.name.startswith("ray::ShardWorker")]
    wall = time.perf_counter() - start
    spent = sum(one.seconds for one in seen.values())
    return Cost(wall, spent, seen[command.pid].memory, sorted(workers))


def look(number: int, process: Process) -> None:
    """Note processor time and peak memory; a process that has ended keeps its last."""
    folder = Path(f"/proc/{number}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = (folder / "status").read_text()
        process.name = (folder / "cmdline").read_text() or process.name
    except OSError:
        return
    process.seconds = (int(fields[11]) + int(fields[12])) / TICKS
    _, there, rest = status.partition("VmHWM:")
    if there:
        process.memory = int(rest.split()[0]) / 1024


def descendants(number: int) -> list[int]:
    """A process's children, and theirs."""
    found = []
    try:
        tasks = list(Path(f"/proc/{number}/task").iterdir())
        children = [int(c) for t in tasks for c in (t / "children").read_text().split()]
    except OSError:
        return []
    for child in children:
        found += [child, *descendants(child)]
    return found


def planned(sources: list[Path], count: int, shard: int, folder: Path) -> Plan:
    """So many proteins in shards of about so many, in `folder/plan.json`."""
    folder.mkdir()
    path = folder / "proteins.faa"
    with path.open("w") as file:
        file.writelines(proteins(sources, count))
    plan = make_plan([str(path)], Predicting("fast", fingerprint(locate("fast")), "other"), shard)
    plan.write(folder / "plan.json")
    return plan


def done(folder: Path, workers: int | None) -> Cost:
    """A plan done anew, locally or by so many workers."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        more = [] if workers is None else ["--cluster", "local", "--workers", str(workers)]
        return measured([*COMMAND, str(folder / "plan.json"), "-o", output, *more])


def overhead(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both engines in turn, and their ratios."""
    plan = planned(options.fasta, options.proteins, options.shard, folder)
    found: dict[str, Any] = {"proteins": options.proteins, "shards": len(plan.shards), "runs": []}
    engines = {} if options.no_local else {"local": None}
    engines |= {f"{workers} on Ray": workers for workers in options.workers}
    with ThreadPoolExecutor(len(engines) if options.together else 1) as at_once:
        for _ in range(options.runs):
            costs = at_once.map(partial(done, folder), engines.values())
            row = {name: asdict(cost) for name, cost in zip(engines, costs, strict=True)}
            found["runs"].append(row)
            print(json.dumps(row), flush=True)
    for name in (name for name in found["runs"][0] if name != "local" and not options.no_local):
        for kind in ("wall", "processor"):
            ratios = [row[name][kind] / row["local"][kind] for row in found["runs"]]
            found[f"{kind}, {name} to local"] = round(statistics.median(ratios), 3)
    return found


def of_a_shard(more: int, folder: Path) -> dict[str, float]:
    """Seconds on the clock that one shard more of ten proteins takes, by both engines."""
    few, many = 10, 10 + more
    folder.mkdir()
    for number in (few, many):
        planned([EXAMPLE], 10 * number, 10, folder / str(number))
    found = {}
    for name, workers in (("local", None), ("1 on Ray", 1)):
        costs = [done(folder / str(number), workers) for number in (few, many)]
        found[name] = round((costs[1].wall - costs[0].wall) / more, 4)
    return found


def main() -> None:
    """Measure all, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fasta", type=Path, nargs="+", default=[EXAMPLE])
    parser.add_argument("--proteins", type=int, default=100_000)
    parser.add_argument("--shard", type=int, default=25_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-local", action="store_true", help="Ray alone, as for its memory")
    parser.add_argument("--together", action="store_true", help="all engines at the same time")
    parser.add_argument("--shards-more", type=int, default=0, help="0: not what a shard costs")
    parser.add_argument("--json", type=Path, help="where the figures go as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = overhead(options, Path(name) / "overhead")
        if options.shards_more:
            found["seconds of a shard"] = of_a_shard(options.shards_more, Path(name) / "shard")
    text = json.dumps(found, indent=1) + "\n"
    print(text, end="")
    if options.json:
        options.json.write_text(text)


if __name__ == "__main__":
    main()
