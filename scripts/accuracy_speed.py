"""Accuracy against speed as a picture, and a table of models with the protocol of each.

    python scripts/accuracy_speed.py docs/results/speed.json --output docs/accuracy-speed.png
        --page README.md

The first file is what `benchmarks/predict.py --json` writes; accuracy is that of the
cross-validations in RESULTS/NAME/metrics.json. Published models were not run: they are lines
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

from peft_sp.io.atomic import write_bytes, write_text
from peft_sp.io.plotting.palette import BLUE, GREY
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.published import LORA_3B_MCC2, MEAN_MCC2, SIGNALP6_MCC2
from peft_sp.wording import counted

PUBLISHED = {
    "SignalP 6.0": MEAN_MCC2["SignalP 6.0"],
    "LoRA on ESM-2 3B (PEFT-SP, 2024)": MEAN_MCC2["LoRA"],
}
TABLE = {
    "fast": "`fast`",
    "esm2-8m": "`esm2-8m`",
    "esm2-8m-partitions": "three LoRAs on ESM-2 8M",
    "lora-8M": "one LoRA on ESM-2 8M",
    "published-esm2-8m-partitions": "three LoRAs on ESM-2 8M",
    "published-lora-8M-windows": "one LoRA on ESM-2 8M, trained further on unlabelled proteins",
    "published-lora-8M": "one LoRA on ESM-2 8M",
}
"""Cross-validations in the table, by their directories, and what they are called."""
EUKARYOTIC = dict(
    zip(
        PUBLISHED,
        (table["EUKARYA", "SP"] for table in (SIGNALP6_MCC2, LORA_3B_MCC2)),
        strict=True,
    )
)
START, END = "<!-- models, by scripts/accuracy_speed.py -->", "<!-- /models -->"
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


def as_markdown(points: list[Point], results: Path) -> str:
    """One row a model: ours by each protocol, then the published ones."""
    rates = {p.name: f"{p.rate:,.0f}" for p in points}
    rows = [_row(name, results / name, rates) for name in TABLE if (results / name).is_dir()]
    for name, mean in PUBLISHED.items():
        own = (f"{mean:.3f}", f"{EUKARYOTIC[name]:.3f}", "not measured")
        rows.append((f"{name}, as published", *_learned(1, "published"), "–", *own))
    titles = [
        "model",
        "protocol",
        "learned from",
        "mean MCC2, pooled",
        "mean over models",
        "EUKARYA SP, over models",
        "proteins/s",
    ]
    return "\n".join(markdown_table(titles, rows))


def _row(name: str, directory: Path, rates: dict[str, str]) -> tuple[str, ...]:
    content = json.loads((directory / "metrics.json").read_text())
    means, pooled = content["mean_over_models"], content.get("pooled", {})
    of_class = {(c["organism"], c["type"]): c for c in means["classes"]}
    interval = pooled.get("mean_mcc2_interval")
    partitions = 2 if content["protocol"] == "deployed" else 1
    more = [
        word
        for word, used in (
            ("remainder", content.get("remainder")),
            ("teacher, unlabelled proteins", content["recipe"].get("distillation")),
        )
        if used
    ]
    return (
        f"[{TABLE[name]}](docs/results/{name}/report.md)",
        *_learned(partitions, content["protocol"], *more),
        f"{pooled['mean_mcc2']:.3f} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "–",
        f"{means['mean_mcc2']['mean']:.3f}",
        f"{of_class['EUKARYA', 'SP']['mcc2']['mean']:.3f}",
        rates.get(name, "–"),
    )


def _learned(partitions: int, protocol: str, *more: str) -> tuple[str, str]:
    """Protocol, and what a model learned from."""
    return protocol, ", ".join([f"{counted(partitions, 'partition')}", *more])


def with_table(page: str, table: str) -> str:
    """A page with the table between its marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table}\n{END}{after}"


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
                f"{name}, as published: {mean:.3f}, learned from less",
                (axes.get_xlim()[0], mean),
                xytext=(3, 3),
                textcoords="offset points",
                color=GREY,
                fontsize=8,
            )
        axes.set_xlabel("proteins a second, whole command, all files (two processor cores)")
        axes.set_ylabel("mean MCC2 over 16 classes, out of fold")
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
    parser.add_argument("--page", type=Path, help="Markdown that has the table between its marks")
    options = parser.parse_args()
    points = read(options.speeds, options.results)
    write_bytes(options.output, draw(points))
    table = as_markdown(points, options.results)
    if options.page is not None:
        write_text(options.page, with_table(options.page.read_text(encoding="utf-8"), table))
    print(table)


if __name__ == "__main__":
    main()
