"""Integer products of a small network: ours beside ONNX Runtime's static quantization.

    python benchmarks/quantization.py docs/results/fast/models/all --fasta PROTEOME.faa ...
        --labelled train_set.fasta

The float32 network is exported once and quantized in each way: the same products, ranges from the
same made-up proteins, 7-bit weights with a scale for each unit. Prints Markdown tables: time in
turns, on one thread as processor time and on all as windows a second; predicted types and
cleavage sites that differ from float32's; and the largest difference of an emission between a
window alone and in a batch, which tells whether a prediction depends on its neighbours.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import peft_sp  # noqa: F401  # before ONNX Runtime is loaded: it turns telemetry off

# isort: split
import numpy as np
import onnx
import predict
from numpy.typing import NDArray
from onnxruntime.quantization.calibrate import CalibrationDataReader
from onnxruntime.quantization.quant_utils import QuantFormat, QuantType
from onnxruntime.quantization.quantize import quantize_static

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.inference.backends import OnnxBackend
from peft_sp.inference.batching import decode_windows
from peft_sp.io.fasta import read_fasta
from peft_sp.io.labelled import LabelledProtein, read_labelled
from peft_sp.network.checkpoint import load_checkpoint
from peft_sp.network.onnx import quantization
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.training.export import compare

FLOAT = "float32"
FLOAT_OUTPUTS = {"OpTypesToExcludeOutputQuantization": ["MatMul"]}
"""Lets ONNX Runtime fuse a product with its rounding as `network/onnx/quantization.py` does."""


class MadeUpProteins(CalibrationDataReader):
    """The windows that our own ranges are measured on, as one batch."""

    def __init__(self) -> None:
        self.batches: Iterator[dict[str, NDArray[np.uint8]]] = iter(
            [{"residues": quantization.made_up_proteins()}]
        )

    def get_next(self) -> dict[Any, Any]:
        return next(self.batches, {})


def variants(model: str, folder: Path) -> dict[str, Path]:
    """Name -> file of the same network, quantized in several ways."""
    network = load_checkpoint(model)
    files = {FLOAT: folder / "float32.onnx", "ours": folder / "ours.onnx"}
    export_onnx(network, files[FLOAT], "float32")
    export_onnx(network, files["ours"], "int8")
    graph = onnx.load(files[FLOAT])
    products = quantization.constant_products(graph)
    names = [product.name for product in products]
    ranges = quantization.measured_ranges(
        graph, [product.input[0] for product in products], quantization.made_up_proteins()
    )
    widened = {
        name: [{"rmin": np.float32(low), "rmax": np.float32(high)}]
        for name, (low, high) in ranges.items()
    }
    ways: dict[str, tuple[QuantFormat, dict[str, Any]]] = {
        "QOperator": (QuantFormat.QOperator, {}),
        "QDQ": (QuantFormat.QDQ, {}),
        "QDQ, float32 outputs": (QuantFormat.QDQ, FLOAT_OUTPUTS),
        "QDQ, float32 outputs, our ranges": (
            QuantFormat.QDQ,
            {**FLOAT_OUTPUTS, "TensorQuantOverrides": widened},
        ),
    }
    logging.disable(logging.WARNING)  # of onnxruntime, on how it would like to be called
    for number, (title, (kind, extra)) in enumerate(ways.items()):
        files[title] = folder / f"static-{number}.onnx"
        quantize_static(
            files[FLOAT],
            files[title],
            MadeUpProteins(),
            quant_format=kind,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=names,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=extra,
        )
    return files


def speed(files: dict[str, Path], windows: NDArray[np.uint8], rounds: int) -> None:
    """Medians of rounds in which the networks take turns."""
    single = {name: OnnxBackend(path, threads=1) for name, path in files.items()}
    every = {name: OnnxBackend(path) for name, path in files.items()}
    threads = every[FLOAT].concurrency
    alone: dict[str, list[float]] = {name: [] for name in files}
    together: dict[str, list[float]] = {name: [] for name in files}
    with ThreadPoolExecutor(threads) as workers:
        for number in range(rounds + 1):
            for name in files:
                processor = taken(time.process_time, partial(run, single[name], windows, map))
                clock = taken(time.perf_counter, partial(run, every[name], windows, workers.map))
                if number:
                    alone[name].append(processor / len(windows))
                    together[name].append(clock / len(windows))
    exact = statistics.median(alone[FLOAT])
    print(f"| | µs a window, 1 thread | of float32 | windows/s, {threads} threads | file |")
    print("|---|--:|--:|--:|--:|")
    for name, path in files.items():
        seconds = statistics.median(alone[name])
        print(
            f"| {name} | {1e6 * seconds:.0f} | {seconds / exact:.2f} "
            f"| {1 / statistics.median(together[name]):,.0f} | {path.stat().st_size / 1e6:.1f} MB |"
        )


def run(backend: OnnxBackend, windows: NDArray[np.uint8], each: Callable[..., Any]) -> None:
    size = backend.batch_size
    list(each(backend.emissions, [windows[at : at + size] for at in range(0, len(windows), size)]))


def taken(clock: Callable[[], float], work: Callable[[], object]) -> float:
    start = clock()
    work()
    return clock() - start


def changes(
    files: dict[str, Path], windows: Sequence[str], labelled: Sequence[LabelledProtein]
) -> None:
    """Predictions that differ from float32's, of unlabelled windows and of labelled proteins."""
    backends = {name: OnnxBackend(path) for name, path in files.items()}
    exact = decode_windows(backends[FLOAT], windows)
    print(
        f"\n| | types of {len(windows):,} | sites of {np.count_nonzero(exact.sites):,} | "
        f"types of {len(labelled):,} labelled | their sites | mean MCC2 | alone and in a batch |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    original = backends.pop(FLOAT)
    for name, check in compare(original, backends, labelled):
        found = decode_windows(backends[name], windows)
        print(
            f"| {name} | {np.count_nonzero(found.types != exact.types)} "
            f"| {np.count_nonzero(found.sites != exact.sites)} | {check.types_changed} "
            f"| {check.sites_changed} of {check.sites:,} | {check.mean_mcc2:.4f} "
            f"({check.mean_mcc2_change:+.4f}) | {dependence(backends[name], windows):.0e} |",
            flush=True,
        )


def dependence(backend: OnnxBackend, windows: Sequence[str], count: int = 64) -> float:
    """Largest difference of an emission between windows in a batch and each alone."""
    residues = encode(windows[:count])
    together = backend.emissions(residues)
    alone = [backend.emissions(row[None, row != PAD])[0] for row in residues]
    return max(
        float(np.abs(one - many[: len(one)]).max())
        for one, many in zip(alone, together, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", help="directory of a student, with its tensors")
    parser.add_argument("--fasta", type=Path, nargs="+", default=[predict.EXAMPLE])
    parser.add_argument("--labelled", type=Path, required=True, help="three-line format")
    parser.add_argument("--timed", type=int, default=4000, help="windows whose time is taken")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    proteins = [protein.window for file in options.fasta for protein in read_fasta(file)]
    windows = list(dict.fromkeys(proteins))
    order = np.random.default_rng(0).permutation(len(windows))[: options.timed]
    timed = encode(sorted((windows[row] for row in order), key=len))
    print(
        f"{len(os.sched_getaffinity(0))} processors; float32 matrix products of NumPy at "
        f"{predict.matrix_rate():.0f} GFLOP/s; {len(timed):,} distinct windows, medians of "
        f"{options.rounds} rounds.\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        files = variants(options.model, Path(folder))
        speed(files, timed, options.rounds)
        changes(files, windows, read_labelled(options.labelled))


if __name__ == "__main__":
    main()
