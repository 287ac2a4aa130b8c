"""What shards cost: the figures from which docs/scale-costs.md reckons (`scripts/scale.py`).

    python benchmarks/shards.py --fasta proteomes/*.faa --proof --model fast --model esm2-8m \
        --json docs/results/scale.json

Of `peft-sp shards run` with one thread: time a protein, and what a shard costs beside its proteins.
Of planning, verifying and merging: time a file, a shard and a protein. Of an object store: requests
a shard. Times are processor time, which other processes on the machine lengthen least; the
rate of float32 matrix products in the same run tells how fast the machine was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from fsspec.spec import AbstractBufferedFile
from predict import proteins

from peft_sp.inference.loading import load
from peft_sp.inference.shards.proof import merge, status, verify
from peft_sp.inference.shards.work import predict_shard
from peft_sp.io.fasta import read_fasta
from peft_sp.io.registry.lookup import fingerprint, locate
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.io.shards.parts import PartReader
from peft_sp.io.shards.plan import Plan, Predicting, make_plan

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecoli_300.faa"
SIZES = {"fast": (500, 10_000), "esm2-8m": (20, 300)}
"""Proteins of a small and of a large shard, from whose times a line is drawn."""
BLOCK = 50 << 20
"""Bytes that s3fs asks for at once."""


def main() -> None:
    """Measure all, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fasta", type=Path, nargs="+", default=[EXAMPLE])
    parser.add_argument("--model", action="append", default=[], help="workers with this model")
    parser.add_argument(
        "--proof", action="store_true", help="planning, verifying, merging, reading"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where the figures go, beside those it has")
    options = parser.parse_args()
    found: dict[str, Any] = {"models": {}}
    if options.json and options.json.exists():
        found = json.loads(options.json.read_text())

    def keep() -> None:
        found["gflops_of_one_thread"] = matrix_rate()
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.proof:
            found["proof"] = of_proof(options.fasta, folder / "proof")
            found["plan"] = of_plan(options.fasta, folder / "plan")
            found["store"] = of_store(options.fasta, folder / "store")
            found["windows"] = of_windows(options.fasta)
            keep()
        for model in options.model:
            own = ModelConfig.read(locate(model)).name or model
            found["models"][own] = of_model(
                model, options.fasta, SIZES.get(own, SIZES["fast"]), options.runs, folder / own
            )
            keep()
    print(json.dumps(found, indent=1))


def matrix_rate() -> float:
    """Thousand millions of float32 operations a processor second in matrix products."""
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    a @ a
    seconds = spent(lambda: [a @ a for _ in range(20)])
    return round(20 * 2 * 1024**3 / seconds / 1e9)


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def planned(
    sources: list[Path], count: int, shards: int, folder: Path, model: str = "fast"
) -> Plan:
    """So many proteins in so many shards."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{count}.faa"
    if not path.exists():
        with path.open("w") as file:
            file.writelines(proteins(sources, count))
    predicting = Predicting(model, fingerprint(locate(model)), "other", None, ("parquet",))
    about = make_plan([str(path)], predicting, 10**9).proteins
    plan = make_plan([str(path)], predicting, max(1, about // shards))
    plan.write(folder / f"{count}-{shards}.json")
    return plan


def command(*words: object) -> subprocess.Popen[bytes]:
    """A process of `peft-sp` with one thread."""
    whole = [sys.executable, "-m", "peft_sp.cli.main", *map(str, words), "--threads", "1"]
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(whole, stdout=subprocess.DEVNULL, env={**os.environ, **alone})


def worker(plan: Path, shard: int, output: Path) -> subprocess.Popen[bytes]:
    """A worker for one shard."""
    return command("shards", "run", plan, "--shard", shard, "-o", output)


def finished(processes: list[subprocess.Popen[bytes]]) -> tuple[float, float]:
    """Processor seconds of the workers together, and their largest memory in MB."""
    seconds = memory = 0.0
    for process in processes:
        _, code, usage = os.wait4(process.pid, 0)
        if code:
            raise SystemExit("a worker failed")
        seconds += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
    return seconds, memory


def of_model(
    model: str, sources: list[Path], sizes: tuple[int, int], runs: int, folder: Path
) -> dict[str, Any]:
    """Seconds a protein and a worker, alone, beside a second one, and of `predict`."""
    small, large = (planned(sources, 2 * size, 2, folder, model) for size in sizes)
    paths = [folder / f"{2 * size}-2.json" for size in sizes]
    records = [
        sum(1 for _ in PartReader(plan.shards[0].parts[0]).records()) for plan in (small, large)
    ]
    alone = [folder / f"{count}-alone.faa" for count in records]
    for path, count in zip(alone, records, strict=True):
        with path.open("w") as file:
            file.writelines(proteins(sources, count))
    times: dict[str, list[float]] = {}
    memory = 0.0

    def took(kind: str, *processes: subprocess.Popen[bytes]) -> None:
        nonlocal memory
        seconds, most = finished(list(processes))
        times.setdefault(kind, []).append(seconds / len(processes))
        memory = max(memory, most) if kind == "large" else memory

    for number in range(runs):
        out = [folder / f"{number}-{n}" for n in range(5)]
        took("small", worker(paths[0], 1, out[0]))
        took("large", worker(paths[1], 1, out[1]))
        took("start", worker(paths[0], 1, out[0]))  # it is done: nothing but a start
        took("two", worker(paths[1], 1, out[2]), worker(paths[1], 2, out[2]))
        took("predict small", command("predict", alone[0], "-m", model, "-o", out[3]))
        took("predict large", command("predict", alone[1], "-m", model, "-o", out[4]))
    least = {kind: min(own) for kind, own in times.items()}
    more = records[1] - records[0]
    protein = (least["large"] - least["small"]) / more
    predicted = (least["predict large"] - least["predict small"]) / more
    return {
        "proteins": records,
        "seconds": [round(least["small"], 2), round(least["large"], 2)],
        "microseconds_a_protein": round(1e6 * protein, 1),
        "of_predict": round(protein / predicted, 3),
        "seconds_a_worker": round(least["small"] - protein * records[0], 2),
        "seconds_to_start": round(least["start"], 2),
        "slower_beside_another": round(least["two"] / least["large"], 3),
        "megabytes": round(memory),
    }


def of_proof(sources: list[Path], folder: Path) -> dict[str, Any]:
    """Seconds a shard and a protein of checking and merging, from one shard and from many."""
    count, many = 10_000, 50
    found = {
        shards: of_shards(planned(sources, count, shards, folder), folder / str(shards))
        for shards in (1, many)
    }
    one, others = found[1], found[many]
    each = {name: (others[name] - one[name]) / (many - 1) for name in one}
    size = (folder / "1" / "merged.parquet").stat().st_size
    return {
        "milliseconds_a_shard": {name: round(1e3 * max(0, own), 2) for name, own in each.items()},
        "microseconds_a_protein": {
            name: round(1e6 * (one[name] - each[name]) / count, 3) for name in each
        },
        "bytes_a_protein": {
            "input": round((folder / f"{count}.faa").stat().st_size / count),
            "parquet": round(size / count, 1),
            "tsv": round((folder / "1" / "merged.tsv").stat().st_size / count),
        },
        "milliseconds_of_a_shard_s_files": of_files(sources, folder / "files"),
        "megabytes_read_a_second_by_verify_inputs": of_input(planned(sources, count, 1, folder)),
    }


def of_files(sources: list[Path], folder: Path) -> float:
    """Milliseconds of opening, checking, writing and publishing the files of a shard."""
    plan, predictor = planned(sources, 50, 50, folder), load("fast", threads=1)
    count = len(plan.shards)
    first, rest = plan.shards[0], plan.shards[1:]
    predict_shard(plan, first.number, folder / "results", predictor)

    def run() -> None:
        for shard in rest:
            predict_shard(plan, shard.number, folder / "results", predictor)

    return round(1e3 * spent(run) / (count - 1), 1)


def of_shards(plan: Plan, folder: Path) -> dict[str, float]:
    """Seconds of each step, with one thread."""
    predictor, results = load("fast", threads=1), folder / "results"

    def run() -> None:
        for shard in plan.shards:
            predict_shard(plan, shard.number, results, predictor)

    def merged(kind: str) -> None:
        target = folder / f"merged.{kind}"
        target.unlink(missing_ok=True)
        merge(plan, results, target)

    return {
        "run": spent(run),
        "status": least(partial(status, plan, results)),
        "verify": least(partial(verify, plan, results)),
        "merge to parquet": least(partial(merged, "parquet")),
        "merge to tsv": least(partial(merged, "tsv")),
    }


def least(work: Callable[[], object]) -> float:
    """Of three runs."""
    return min(spent(work) for _ in range(3))


def of_input(plan: Plan) -> float:
    """MB of input that `verify --inputs` reads a second."""
    (part,) = plan.shards[0].parts
    return round(part.size / 1e6 / least(lambda: sum(1 for _ in PartReader(part).records())))


def of_plan(sources: list[Path], folder: Path) -> dict[str, Any]:
    """Seconds of planning a file, by many small ones, and of reading a plan a shard."""
    folder.mkdir()
    count = 1_000
    text = "".join(proteins(sources, 200))
    for number in range(count):
        (folder / f"{number:04d}.faa").write_text(text)
    predicting = Predicting("fast", fingerprint(locate("fast")), "other")
    each = least(lambda: make_plan([str(folder)], predicting)) / count
    # A terabyte that takes no room: only its beginning is looked at.
    large = folder / "large.fasta"
    large.write_text("".join(proteins(sources, 5_000)))
    os.truncate(large, 10**12)
    plan = make_plan([str(large)], predicting)
    return {
        "milliseconds_a_file": round(1e3 * each, 2),
        "seconds_of_a_terabyte": round(least(lambda: make_plan([str(large)], predicting)), 3),
        "bytes_of_the_plan_a_shard": round(len(plan.text()) / len(plan.shards)),
    }


class CountingFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file of `CountingStore`."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        CountingStore.requests += 1
        CountingStore.bytes += end - start
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(end - start)


class CountingStore(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """This machine's files as an object store has them: read by ranges, each a request."""

    protocol = "counted"
    requests = 0
    bytes = 0

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        CountingStore.requests += 1
        return {"name": path, "size": Path(path).stat().st_size, "type": "file"}

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, **_: Any
    ) -> CountingFile:
        return CountingFile(
            self, path, mode, block_size=block_size or BLOCK, cache_type="readahead"
        )

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("counted://")


def of_store(sources: list[Path], folder: Path) -> dict[str, Any]:
    """Requests of a shard, by one in the middle of a file."""
    folder.mkdir()
    fsspec.register_implementation("counted", CountingStore, clobber=True)
    path = folder / "large.faa"
    text = "".join(proteins(sources, 10_000))
    with path.open("w") as file:
        file.writelines([text] * 200)
    predicting = Predicting("fast", fingerprint(locate("fast")), "other")
    plan = make_plan([f"counted://{path}"], predicting, 500_000)
    (part,) = plan.shards[1].parts
    CountingStore.requests = CountingStore.bytes = 0
    records = sum(1 for _ in PartReader(part).records())
    requests, read, size = CountingStore.requests, CountingStore.bytes, part.stop - part.start
    return {
        "proteins": records,
        "megabytes": round(size / 1e6),
        "requests": requests,
        "read_of_size": round(read / size, 2),
    }


def of_windows(sources: list[Path]) -> dict[str, Any]:
    """How many first residues occur again, of which the network computes one."""
    windows = [protein.window for source in sources for protein in read_fasta(source)]
    return {"proteins": len(windows), "distinct": len(set(windows))}


if __name__ == "__main__":
    main()
