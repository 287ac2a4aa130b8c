"""A model's card and the figures in its `config.json`, from scores that were computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from peft_sp.training.metrics import ClassScores, Scores


def figures(scores: Scores) -> dict[str, Any]:
    """Scores as plain data for `config.json`; undefined figures are null."""
    return {
        "proteins": scores.count,
        "mean_mcc1": _number(scores.mean_mcc1),
        "mean_mcc2": _number(scores.mean_mcc2),
        "mean_mcc2_interval": [_number(x) for x in scores.interval],
        "big_classes_mcc2": _number(scores.big_mcc2),
        "multiclass_mcc": _number(scores.multiclass_mcc),
        "classes": [
            {
                "organism": c.organism,
                "type": c.type,
                "proteins": c.count,
                "mcc1": _number(c.mcc1),
                "mcc2": _number(c.mcc2),
                "mcc2_interval": [_number(x) for x in c.interval],
                "cleavage_recall": [_number(x) for x in c.recall],
                "cleavage_precision": [_number(x) for x in c.precision],
            }
            for c in scores.per_class
        ],
    }


def table(scores: Scores) -> str:
    """Scores as a Markdown table, one row a class."""
    rows = [
        "| organism | type | proteins | MCC1 | MCC2 (95 % interval) | CS recall | CS precision |",
        "|---|---|--:|--:|--:|--:|--:|",
        *(_row(c) for c in scores.per_class),
    ]
    low, high = scores.interval
    rows += [
        "",
        f"Mean MCC2 over the {len(scores.per_class)} classes: **{scores.mean_mcc2:.3f}** "
        f"({low:.3f} to {high:.3f}); over the five big classes: **{scores.big_mcc2:.3f}**; "
        f"multi-class MCC over all {scores.count:,} proteins: **{scores.multiclass_mcc:.3f}**. "
        "Cleavage sites are exact (tolerance 0).",
    ]
    return "\n".join(rows)


def _row(c: ClassScores) -> str:
    low, high = c.interval
    return (
        f"| {c.organism} | {c.type} | {c.count:,} | {c.mcc1:.3f} "
        f"| {c.mcc2:.3f} ({low:.3f} to {high:.3f}) | {_text(c.recall[0])} "
        f"| {_text(c.precision[0])} |"
    )


def card(name: str, description: str, sections: Sequence[tuple[str, str]]) -> str:
    """A model card: a title, what the model is, and titled sections."""
    parts = [f"# {name}", "", description, ""]
    for title, body in sections:
        parts += [f"## {title}", "", body, ""]
    return "\n".join(parts)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
