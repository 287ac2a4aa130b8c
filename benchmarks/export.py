"""An exported model beside the same one on torch: speed, size, and what changes.

    python benchmarks/export.py MODEL --backbone esm2_t6_8M --labelled train_set.fasta --partition 0

Prints Markdown tables. Everything runs in one thread and is timed by the processor time it
takes, in turns with float32 matrix products, so that it can be measured on a busy machine. Two
rows are of 8-bit products, which `peft-sp export` does not offer; they show why.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import peft_sp  # noqa: F401  # before ONNX Runtime is loaded: it turns telemetry off

# isort: split
import numpy as np
import torch
from onnxruntime.quantization.quant_utils import QuantType
from onnxruntime.quantization.quantize import quantize_dynamic
from operations import operations

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import WINDOW
from peft_sp.inference.backends import Backend, OnnxBackend, TorchBackend
from peft_sp.io.labelled import LabelledProtein, partition, read_labelled
from peft_sp.network.checkpoint import load_checkpoint
from peft_sp.network.model import SignalPeptideModel
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.onnx.storage import PRECISIONS
from peft_sp.training.export import BACKBONE_BATCH_SIZE, compare

SQUARE = 1024
TURN = 32
"""Windows that are computed before it is the next one's turn."""


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def rates(
    work: dict[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each, and as a share of a matrix product's beside it."""
    square = torch.rand(SQUARE, SQUARE)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, call in work.items():
            product = processor_seconds(lambda: [square @ square for _ in range(2)]) / 2
            seconds = processor_seconds(call)
            if number:
                taken[name].append((seconds, product))
    medians = {name: statistics.median(s for s, _ in pairs) for name, pairs in taken.items()}
    ratios = {name: statistics.median(s / p for s, p in pairs) for name, pairs in taken.items()}
    return medians, ratios


def variants(model: SignalPeptideModel, directory: Path) -> dict[str, tuple[Path | None, Backend]]:
    """Name -> file and backend."""
    networks: dict[str, tuple[Path | None, Backend]] = {
        "torch": (None, TorchBackend(model)),
        "torch, bfloat16": (None, TorchBackend(model, precision="bfloat16")),
    }
    for precision in PRECISIONS:
        path = directory / f"{precision}.onnx"
        export_onnx(model, path, precision)
        networks[f"exported, {precision}"] = path, OnnxBackend(path, 1, BACKBONE_BATCH_SIZE)
    logging.disable(logging.WARNING)  # of onnxruntime, on how it would like to be called
    for title, reduced in (("8-bit products", False), ("8-bit products, 7-bit weights", True)):
        path = directory / f"products{reduced}.onnx"
        quantize_dynamic(
            directory / "float32.onnx",
            path,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=reduced,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=["/model/head/MatMul"],
        )
        networks[f"({title})"] = path, OnnxBackend(path, 1, BACKBONE_BATCH_SIZE)
    return networks


def speed(model: SignalPeptideModel, networks: dict[str, Any], rounds: int) -> None:
    rng = np.random.default_rng(0)
    residues = rng.integers(len(AMINO_ACIDS), size=(TURN, WINDOW)).astype(np.uint8)

    def run(backend: Backend, size: int) -> Callable[[], object]:
        batches = [residues[start : start + size] for start in range(0, TURN, size)]
        return lambda: [backend.emissions(batch) for batch in batches]

    calls = {name: run(backend, BACKBONE_BATCH_SIZE) for name, (_, backend) in networks.items()}
    seconds, ratios = rates(calls, rounds)
    own = TURN * operations(model) / (2 * SQUARE**3)
    print("| | file | windows a processor second | of the matrix products' rate |")
    print("|---|--:|--:|--:|")
    for name, (path, _) in networks.items():
        size = "–" if path is None else f"{path.stat().st_size / 1e6:.1f} MB"
        print(f"| {name} | {size} | {TURN / seconds[name]:.0f} | {own / ratios[name]:.0%} |")
    sizes = (1, 4, 8, 16, 32)
    exported = networks["exported, float32"][1]
    _, by_size = rates({str(size): run(exported, size) for size in sizes}, rounds)
    print("\nWindows a batch, exported in float32:\n")
    print("| " + " | ".join(map(str, sizes)) + " |\n" + "|--:" * len(sizes) + "|")
    print("| " + " | ".join(f"{own / by_size[str(size)]:.0%}" for size in sizes) + " |")


def accuracy(networks: dict[str, Any], proteins: Sequence[LabelledProtein]) -> None:
    backends = {name: backend for name, (_, backend) in networks.items()}
    print(f"\n{len(proteins):,} labelled proteins, beside the model on torch:\n")
    print("| | types changed | cleavage sites changed | mean MCC2 |")
    print("|---|--:|--:|--:|")
    for name, check in compare(backends.pop("torch"), backends, proteins):
        print(
            f"| {name} | {check.types_changed} | {check.sites_changed} of {check.sites:,} "
            f"({check.fraction_changed:.2%}) | {check.mean_mcc2:.4f} "
            f"({check.mean_mcc2_change:+.4f}) |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model")
    parser.add_argument("--backbone", help="where the model's backbone is")
    parser.add_argument("--labelled", help="labelled proteins (three-line format)")
    parser.add_argument("--partition", type=int, action="append", help="of them; default: all")
    parser.add_argument("--count", type=int, help="draw so many of them, always the same")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_checkpoint(options.model, options.backbone)
    with tempfile.TemporaryDirectory() as directory:
        networks = variants(model, Path(directory))
        speed(model, networks, options.rounds)
        if options.labelled:
            proteins = read_labelled(options.labelled)
            if options.partition:
                proteins = partition(proteins, options.partition)
            if options.count and options.count < len(proteins):
                rows = np.random.default_rng(0).permutation(len(proteins))[: options.count]
                proteins = [proteins[row] for row in sorted(rows)]
            accuracy(networks, proteins)


if __name__ == "__main__":
    main()
