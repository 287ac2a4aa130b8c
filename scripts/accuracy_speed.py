"""Accuracy against speed: a picture and a Markdown table.

    python scripts/accuracy_speed.py docs/results/speed.json --output docs/accuracy-speed.png

The first file is what `benchmarks/predict.py --json` writes; accuracy is that of the
cross-validation in RESULTS/NAME/metrics.json. Published models were not run: they are lines
without a speed.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from peft_sp.io.atomic import write_bytes
from peft_sp.io.plotting.palette import BLUE, GREY
from peft_sp.training.evaluation.published import LORA_3B_MCC2, MEAN_MCC2, SIGNALP6_MCC2

PUBLISHED = {
    "SignalP 6.0": MEAN_MCC2["SignalP 6.0"],
    "LoRA on ESM-2 3B (PEFT-SP, 2024)": MEAN_MCC2["LoRA"],
}
EUKARYOTIC = dict(
    zip(
        PUBLISHED,
        (table["EUKARYA", "SP"] for table in (SIGNALP6_MCC2, LORA_3B_MCC2)),
        strict=True,
    )
)
STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


@dataclass(frozen=True)
class Point:
    """A model: mean MCC2 of pooled predictions with its interval, and what it predicts a second."""

    name: str
    mean: float
    interval: tuple[float, float]
    eukaryotic: float
    rate: float
    gflops: float


def read(speeds: Path, results: Path) -> list[Point]:
    """The models of which both are known; of several runs of one the largest."""
    found: dict[str, Point] = {}
    for row in sorted(json.loads(speeds.read_text()), key=lambda row: row["proteins"]):
        metrics = json.loads((results / row["model"] / "metrics.json").read_text())
        pooled = metrics["pooled"]
        of_class = {(c["organism"], c["type"]): c["mcc2"] for c in pooled["classes"]}
        low, high = pooled["mean_mcc2_interval"]
        found[row["model"]] = Point(
            row["model"],
            pooled["mean_mcc2"],
            (low, high),
            of_class["EUKARYA", "SP"],
            row["proteins"] / row["seconds"],
            row["gflops"],
        )
    return sorted(found.values(), key=lambda p: -p.rate)


def as_markdown(points: list[Point]) -> str:
    """One row a model, published ones behind."""
    lines = [
        "| model | mean MCC2 | euk. SP | proteins/s |",
        "|---|--:|--:|--:|",
    ]
    for p in points:
        low, high = p.interval
        lines.append(
            f"| {p.name} | {p.mean:.3f} ({low:.3f} to {high:.3f}) | {p.eukaryotic:.3f} "
            f"| {p.rate:,.0f} |"
        )
    lines += [
        f"| {name}, published | {mean:.3f} | {EUKARYOTIC[name]:.3f} | not measured |"
        for name, mean in PUBLISHED.items()
    ]
    return "\n".join(lines)


def draw(points: list[Point]) -> bytes:
    """The picture as PNG."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(7.0, 3.6), dpi=150, layout="constrained")
        for p in points:
            down, up = p.mean - p.interval[0], p.interval[1] - p.mean
            axes.errorbar(
                p.rate, p.mean, yerr=[[down], [up]], fmt="o", color=BLUE, capsize=3, markersize=7
            )
            axes.annotate(
                f"{p.name}\n{p.mean:.3f}, {p.rate:,.0f}/s",
                (p.rate, p.mean),
                xytext=(9, -3),
                textcoords="offset points",
                va="top",
            )
        axes.set_xscale("log")
        axes.set_xlim(min(p.rate for p in points) / 3, max(p.rate for p in points) * 5)
        for name, mean in PUBLISHED.items():
            axes.axhline(mean, color=GREY, linewidth=1, linestyle="--")
            axes.annotate(
                f"{name}: {mean:.3f}, speed not measured",
                (axes.get_xlim()[0], mean),
                xytext=(3, 3),
                textcoords="offset points",
                color=GREY,
                fontsize=8,
            )
        axes.set_xlabel("proteins a second, whole command, all files (two processor cores)")
        axes.set_ylabel("mean MCC2 over 16 classes")
        picture = BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
        pyplot.close(figure)
    return picture.getvalue()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speeds", type=Path)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--output", type=Path, required=True, help="PNG")
    options = parser.parse_args()
    points = read(options.speeds, options.results)
    write_bytes(options.output, draw(points))
    print(as_markdown(points))


if __name__ == "__main__":
    main()
