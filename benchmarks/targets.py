"""All speeds that users and trainers feel, in one Markdown table.

    python benchmarks/targets.py [--fasta FILE...] [--backbone DIR --model DIR] [--many 500000]

Whole commands are processes of their own, all files written; medians of some runs, and the
largest peak of memory. Rates of networks stand beside the machine's own rate of matrix products,
measured in turns with them, so that two machines can be compared. Wants an idle machine.
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import crf
import numpy as np
import predict
import torch
from numpy.typing import NDArray
from operations import operations

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import WINDOW
from peft_sp.inference.backends import Backend, OnnxBackend, TorchBackend
from peft_sp.io.registry.lookup import DEFAULT
from peft_sp.network.checkpoint import load_checkpoint
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import LoRA
from peft_sp.training.export import BACKBONE_BATCH_SIZE

BF16 = torch.bfloat16
SQUARE = 1024
START_TARGET, RATE_TARGET, MEMORY_TARGET = 0.6, 2000, 400
CRF_TARGET, SHARE_TARGET, STEP_TARGET = 0.59 / 20, 0.7, 0.05


def row(what: str, figure: str, target: str = "", reached: bool | None = None) -> None:
    verdict = {True: "yes", False: "no", None: ""}[reached]
    print(f"| {what} | {figure} | {target} | {verdict} |", flush=True)


def commands(sources: list[Path], sizes: list[int], runs: int) -> None:
    """Start, rate and memory of `peft-sp predict` with the bundled model.

    Measured from a small process: one with torch would lend its own peak of memory to its children.
    """
    for size in sizes:
        times = 1 if size > 100_000 else runs
        with tempfile.TemporaryDirectory() as folder:
            figures = Path(folder, "figures.json")
            words = ["--sizes", str(size), "--runs", str(times), "--json", str(figures)]
            command = [sys.executable, predict.__file__, "--fasta", *map(str, sources), *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            (measured,) = json.loads(figures.read_text())
        seconds, memory = measured["seconds"], measured["megabytes"]
        if size == 1:
            reached = seconds <= START_TARGET
            row("start to the end, 1 protein", f"{seconds:.2f} s", f"{START_TARGET} s", reached)
            continue
        rate = size / seconds
        figure = f"{rate:,.0f} proteins/s ({seconds:.1f} s)"
        row(
            f"`{DEFAULT}`, {size:,} proteins, all files",
            figure,
            f"{RATE_TARGET:,}",
            rate >= RATE_TARGET,
        )
        row(
            f"peak of memory, {size:,}",
            f"{memory:.0f} MB",
            f"{MEMORY_TARGET} MB",
            memory <= MEMORY_TARGET,
        )


def recursions() -> None:
    parts = crf.alone(256)
    total = sum(parts.values())
    each = ", ".join(f"{name} {1e3 * taken:.0f}" for name, taken in parts.items())
    row(
        f"CRF, 256 x {WINDOW} x 37",
        f"{1e3 * total:.0f} ms ({each})",
        f"{1e3 * CRF_TARGET:.0f} ms",
        total <= CRF_TARGET,
    )


def training(backbone: str) -> None:
    settings = ModelSettings(backbone=backbone, tuning=LoRA())
    whole, part = crf.in_training(settings, 32)
    row("training step, LoRA on all layers, batch 32", f"{whole:.2f} s")
    share = part / whole
    row("CRF and region term in it", f"{share:.1%}", f"{STEP_TARGET:.0%}", share <= STEP_TARGET)


def network(backbone: str, model: str, rounds: int) -> None:
    """Windows a second of an ESM-2 model on all threads, in turns with matrix products."""
    network = load_checkpoint(model, backbone)
    work = operations(network)
    count = 4 * BACKBONE_BATCH_SIZE * torch.get_num_threads()
    rng = np.random.default_rng(0)
    residues = rng.integers(len(AMINO_ACIDS), size=(count, WINDOW)).astype(np.uint8)
    squares = {dtype: torch.rand(SQUARE, SQUARE).to(dtype) for dtype in (torch.float32, BF16)}

    def once(backend: Backend, size: int) -> None:
        for start in range(0, count, size):
            backend.emissions(residues[start : start + size])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        export_onnx(network, path, "float32")
        exported = OnnxBackend(path, batch_size=BACKBONE_BATCH_SIZE)
        whole = BACKBONE_BATCH_SIZE * 4
        kinds: dict[str, tuple[torch.dtype, Callable[[], object]]] = {
            "ONNX Runtime, float32": (torch.float32, lambda: together(exported, residues)),
            "torch, float32": (torch.float32, lambda: once(TorchBackend(network), whole)),
            "torch, bfloat16": (
                BF16,
                lambda: once(TorchBackend(network, precision="bfloat16"), whole),
            ),
        }
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        products: dict[torch.dtype, list[float]] = {dtype: [] for dtype in squares}
        for number in range(rounds + 1):
            for name, (dtype, call) in kinds.items():
                product, seconds = timed(partial(multiply, squares[dtype])) / 8, timed(call)
                if number:
                    taken[name].append(seconds)
                    products[dtype].append(product)
    for name, (dtype, _) in kinds.items():
        rate = 2 * SQUARE**3 / statistics.median(products[dtype])
        own = count / statistics.median(taken[name])
        share = own * work / rate
        row(
            f"ESM-2 8M with LoRA, {name}",
            f"{own:.0f} windows/s, {share:.0%} of {rate / 1e9:.0f} GFLOP/s",
            f"{SHARE_TARGET:.0%}",
            share >= SHARE_TARGET,
        )


def together(backend: OnnxBackend, residues: NDArray[np.uint8]) -> None:
    """One batch a thread at once, as `Predictor` asks for them."""
    batches = [
        residues[s : s + backend.batch_size] for s in range(0, len(residues), BACKBONE_BATCH_SIZE)
    ]
    with ThreadPoolExecutor(backend.concurrency) as workers:
        list(workers.map(backend.emissions, batches))


def multiply(square: torch.Tensor) -> None:
    for _ in range(8):
        square @ square


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fasta", type=Path, nargs="+", default=[predict.EXAMPLE])
    parser.add_argument("--many", type=int, default=500_000, help="0 leaves the long run out")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--backbone", help="ESM-2 8M, for what runs on it")
    parser.add_argument("--model", help="directory of a LoRA of it")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors, Python "
        f"{platform.python_version()}, torch {torch.__version__}; float32 matrix products of "
        f"NumPy at {predict.matrix_rate():.0f} GFLOP/s. Medians of {options.runs} runs; more than "
        "100,000 proteins once.\n"
    )
    print("| what | measured | target | reached |\n|---|--:|--:|---|")
    sizes = [1, 20_000, *([options.many] if options.many else [])]
    commands(options.fasta, sizes, options.runs)
    recursions()
    if options.backbone:
        training(options.backbone)
    if options.backbone and options.model:
        network(options.backbone, options.model, options.runs)


if __name__ == "__main__":
    main()
