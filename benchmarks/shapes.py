r"""Time of students of several shapes: microseconds a window under ONNX Runtime, one thread.

    python benchmarks/shapes.py --shape "convolutions=3 hidden=64" \
        --shape "convolutions=6 gated=true"

A shape is what it changes of `[student]` in recipes/fast.toml. Networks have random weights, which
take as long as trained ones, and are exported as `fast` is, with products in integers. Shapes take
turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tomllib
from pathlib import Path

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import WINDOW
from peft_sp.inference.backends import OnnxBackend
from peft_sp.io.fasta import read_fasta
from peft_sp.network.model import build_model, seed_everything
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import StudentSettings
from peft_sp.training.recipe import Recipe

SHAPES = (
    "convolutions=3 hidden=96",
    "convolutions=2 hidden=96",
    "convolutions=3 hidden=64",
    "width=96 convolutions=4 hidden=64",
    "width=192 convolutions=3 hidden=128",
    'sequence="none" convolutions=6 dilations=[1,2,4]',
    'sequence="none" convolutions=6 dilations=[1,2,4] gated=true',
    'sequence="none" convolutions=10 dilations=[1,2,4,8,1]',
    'sequence="none" convolutions=8 dilations=[1,2,4,8] width=160',
    'sequence="attention" convolutions=3',
    'sequence="attention" convolutions=4 attention_layers=2 dilations=[1,2]',
    'sequence="attention" convolutions=3 attention_layers=2 gated=true',
)
FASTA = Path(__file__).parents[1] / "examples" / "ecoli_300.faa"


def network(shape: str, path: Path) -> tuple[OnnxBackend, int]:
    """A student of this shape as the program would run it, and its parameters."""
    changes = tomllib.loads("\n".join(shape.split()))
    seed_everything(1)
    student = StudentSettings.model_validate(changes)
    model = build_model(Recipe(name="shape", data=str(FASTA), student=student)).eval()
    export_onnx(model, path, "int8")
    return OnnxBackend(path, threads=1), sum(p.numel() for p in model.parameters())


def main() -> None:
    """Print one line a shape: parameters, median microseconds a window, against the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", action="append", help="settings, with blanks between")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    shapes = options.shape or list(SHAPES)
    windows = encode([protein.window for protein in read_fasta(FASTA)], WINDOW)
    with tempfile.TemporaryDirectory() as directory:
        built = [network(shape, Path(directory, f"{n}.onnx")) for n, shape in enumerate(shapes)]
        times: list[list[float]] = [[] for _ in shapes]
        for _ in range(options.rounds + 1):
            for (backend, _), own in zip(built, times, strict=True):
                start = time.perf_counter()
                backend.emissions(windows)
                own.append((time.perf_counter() - start) / len(windows))
    medians = [statistics.median(own[1:]) for own in times]
    print("shape\tparameters\tus/window\tagainst the first")
    for shape, (_, parameters), median in zip(shapes, built, medians, strict=True):
        print(f"{shape}\t{parameters:,}\t{1e6 * median:.0f}\t{median / medians[0]:.2f}")


if __name__ == "__main__":
    main()
