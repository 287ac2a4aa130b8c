"""Tables of figures on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peft_sp.cli.terminal import console
from peft_sp.io.registry.accuracy import CLASS_METRICS, summary

if TYPE_CHECKING:
    from peft_sp.training.evaluation.metrics import Scores
    from peft_sp.training.evaluation.regions import RegionScores


def print_scores(title: str, scores: Scores) -> None:
    """Print the figures of each class, and their means."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("organism", "type"):
        table.add_column(column)
    table.add_column("proteins", justify="right")
    for metric in CLASS_METRICS:
        for column in metric.columns:
            table.add_column(column, justify="right")
    for c in scores.classes:
        cells = [cell for metric in CLASS_METRICS for cell in metric.cells(c)]
        table.add_row(c.organism, c.type, f"{c.proteins:,}", *cells)
    console.screen().print(table)
    console.say(summary(scores))


def print_regions(regions: list[RegionScores]) -> None:
    """Print how long the regions of each type are, and how hydrophobic."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="regions of what is predicted", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("type")
    for column in ("proteins", "n length", "h length", "c length", "cos n/h", "cos h/c"):
        table.add_column(column, justify="right")
    for r in regions:
        lengths = (r.n_length, r.h_length, r.c_length)
        cosines = (r.n_h_cosine, r.h_c_cosine)
        row = [*(f"{x:.1f}" for x in lengths), *(f"{x:.2f}" for x in cosines)]
        table.add_row(r.type, f"{r.count:,}", *("-" if x == "nan" else x for x in row))
    console.screen().print(table)
