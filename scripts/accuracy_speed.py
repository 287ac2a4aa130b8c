"""Accuracy and speed as a picture, and a table of models with the protocol of each.

    python scripts/accuracy_speed.py docs/results/speed.json --output docs/accuracy-speed.png
        --page README.md

The first file is what `benchmarks/predict.py --json` writes; accuracy is that of the
cross-validations in RESULTS/NAME/metrics.json, means over their models. Published models were not
run: they have no speed.
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
from peft_sp.training.evaluation.published import (
    BIG_CLASSES_MCC2,
    LORA_3B_MCC2,
    MEAN_MCC2,
    SIGNALP6_MCC2,
)
from peft_sp.wording import counted

PUBLISHED = {"SignalP 6.0": "SignalP 6.0", "LoRA on ESM-2 3B (PEFT-SP, 2024)": "LoRA"}
"""Published models, and what they are called where their figures stand."""
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
ALIKE = {
    "three LoRAs, 8M": "published-esm2-8m-partitions",
    "one LoRA, 8M,\npretrained further": "published-lora-8M-windows",
    "one LoRA, 8M": "published-lora-8M",
    "full fine-tuning, 8M": "published-full-8M",
    "adapters, 8M": "published-adapter-8M",
    "prompts, 8M": "published-prompt-8M",
}
"""Ours that learned from as little as the published ones, as the picture calls them."""
EUKARYOTIC = {
    "SignalP 6.0": SIGNALP6_MCC2["EUKARYA", "SP"],
    "LoRA": LORA_3B_MCC2["EUKARYA", "SP"],
}
START, END = "<!-- models, by scripts/accuracy_speed.py -->", "<!-- /models -->"
DOT: Any = {"fmt": "o", "color": BLUE, "capsize": 3, "markersize": 7}
OFFSET: Any = {"textcoords": "offset points"}
STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


@dataclass(frozen=True)
class Point:
    """A model: MCC2 over the five big classes, mean over its folds, and its proteins a second."""

    name: str
    big: float
    deviation: float
    rate: float


def read(speeds: Path, results: Path) -> list[Point]:
    """The models of which both are known; of several runs of one the largest."""
    found: dict[str, Point] = {}
    for row in sorted(json.loads(speeds.read_text()), key=lambda row: row["proteins"]):
        big, deviation = big_classes(results / row["model"])
        rate = row["proteins"] / row["seconds"]
        found[row["model"]] = Point(row["model"], big, deviation, rate)
    return sorted(found.values(), key=lambda p: -p.rate)


def big_classes(directory: Path) -> tuple[float, float]:
    """The mean over the models of a cross-validation, and their standard deviation."""
    content = json.loads((directory / "metrics.json").read_text())
    found = content["mean_over_models"]["big_classes_mcc2"]
    return found["mean"], found["deviation"]


def as_markdown(points: list[Point], results: Path) -> str:
    """One row a model: ours by each protocol, then the published ones."""
    rates = {p.name: f"{p.rate:,.0f}" for p in points}
    rows = [_row(name, results / name, rates) for name in TABLE if (results / name).is_dir()]
    for name, key in PUBLISHED.items():
        own = (f"{figures[key]:.3f}" for figures in (BIG_CLASSES_MCC2, MEAN_MCC2, EUKARYOTIC))
        row = (f"{name}, as published", *_learned(1, "published"), *own, "not measured")
        rows.append(row)
    titles = [
        "model",
        "protocol",
        "learned from",
        "five big classes",
        "all 16",
        "EUKARYA SP",
        "proteins/s",
    ]
    return "\n".join(markdown_table(titles, rows))


def _row(name: str, directory: Path, rates: dict[str, str]) -> tuple[str, ...]:
    content = json.loads((directory / "metrics.json").read_text())
    means = content["mean_over_models"]
    of_class = {(c["organism"], c["type"]): c for c in means["classes"]}
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
        *(f"{means[key]['mean']:.3f}" for key in ("big_classes_mcc2", "mean_mcc2")),
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


def draw(points: list[Point], results: Path) -> bytes:
    """The picture as PNG: on the left what was measured alike, on the right what ships."""
    with pyplot.rc_context(STYLE):
        figure, (alike, ours) = pyplot.subplots(
            1, 2, figsize=(9.0, 4.2), dpi=150, layout="constrained", width_ratios=(4, 5)
        )
        _draw_alike(alike, results)
        for p in points:
            ours.errorbar(p.rate, p.big, yerr=p.deviation, **DOT)
            text = f"{p.name}\n{p.big:.3f}, {p.rate:,.0f}/s"
            ours.annotate(text, (p.rate, p.big), xytext=(9, -3), va="top", **OFFSET)
        ours.set_xscale("log")
        ours.set_xlim(min(p.rate for p in points) / 3, max(p.rate for p in points) * 12)
        ours.set_ylim(0.86, 0.96)
        ours.set_xlabel("proteins a second, two cores")
        ours.set_ylabel("MCC2, five big classes")
        ours.set_title("What ships, learned from more", loc="left", fontsize=10)
        picture = BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
        pyplot.close(figure)
    return picture.getvalue()


def _draw_alike(axes: Any, results: Path) -> None:
    """Published models and ours of the same protocol, a row each."""
    rows: list[tuple[str, float, float | None]] = [
        (f"{name.split(' (')[0]},\nas published", BIG_CLASSES_MCC2[key], None)
        for name, key in PUBLISHED.items()
    ]
    for name, directory in ALIKE.items():
        if (results / directory).is_dir():
            rows.append((name, *big_classes(results / directory)))
    rows.sort(key=lambda row: row[1])
    for place, (_, mean, deviation) in enumerate(rows):
        style = DOT if deviation is not None else DOT | {"color": GREY}
        axes.errorbar(mean, place, xerr=deviation, **style)
        axes.annotate(f"{mean:.3f}", (mean, place), xytext=(0, 7), ha="center", **OFFSET)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    axes.set_xlabel("MCC2, five big classes (six models each)")
    axes.set_title("Measured alike: learned from one partition", loc="left", fontsize=10)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speeds", type=Path)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--output", type=Path, required=True, help="PNG")
    parser.add_argument("--page", type=Path, help="Markdown that has the table between its marks")
    options = parser.parse_args()
    points = read(options.speeds, options.results)
    write_bytes(options.output, draw(points, options.results))
    table = as_markdown(points, options.results)
    if options.page is not None:
        write_text(options.page, with_table(options.page.read_text(encoding="utf-8"), table))
    print(table)


if __name__ == "__main__":
    main()
