"""A model's card and the figures in its `config.json`, from scores that were computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from peft_sp.io.registry.model_config import Teacher
from peft_sp.training.evaluation.metrics import Scores


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


def table(measured: dict[str, Any]) -> str:
    """Figures as a Markdown table, one row a class, and the summary below it."""
    rows = [
        "| organism | type | proteins | MCC1 | MCC2 (95 % interval) | CS recall | CS precision |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for c in measured["classes"]:
        low, high = c["mcc2_interval"]
        rows.append(
            f"| {c['organism']} | {c['type']} | {c['proteins']:,} | {as_text(c['mcc1'])} "
            f"| {as_text(c['mcc2'])}{interval_text(low, high)} "
            f"| {as_text(c['cleavage_recall'][0])} | {as_text(c['cleavage_precision'][0])} |"
        )
    low, high = measured["mean_mcc2_interval"]
    rows += [
        "",
        f"Mean MCC2 over the {len(measured['classes'])} classes: "
        f"**{as_text(measured['mean_mcc2'])}**{interval_text(low, high)}, which classes of a few "
        f"proteins swing; over the five big classes: "
        f"**{as_text(measured['big_classes_mcc2'])}**; multi-class MCC over all "
        f"{measured['proteins']:,} proteins: **{as_text(measured['multiclass_mcc'])}**. "
        "Cleavage sites (CS) are exact, tolerance 0.",
    ]
    return "\n".join(rows)


_PROTOCOLS = {
    "deployed": "each protein predicted by a model that learned from the other partitions, which "
    "SignalP 6.0's authors separated by homology (nominally at most 30 % identity). Windows that "
    "are identical to a tested one were left out of training; near-identical ones, of which a "
    "few stand in two partitions, were not. All folds in one table.",
    "published": "each protein predicted by two models that learned from one other partition "
    "(SignalP 6.0's authors separated them by homology, nominally at most 30 % identity), the "
    "third being the one by which the epoch was chosen. Windows that are identical to a tested or "
    "validating one were left out of training. All six models' predictions in one table, "
    "without intervals, since each protein stands there twice.",
}


def cross_validated(measured: dict[str, Any]) -> str:
    """What a card says of a cross-validation, from its figures file."""
    restricted, protocol = measured["restricted"], measured["protocol"]
    lines = [
        f"Cross-validated with the same recipe, protocol '{protocol}': {_PROTOCOLS[protocol]}",
        "",
        table(measured["pooled"]),
        "",
        "With eukaryotes given NO_SP and SP alone, as `--organism eukarya` does: mean MCC2 "
        f"{as_text(restricted['mean_mcc2'])}, five big classes "
        f"{as_text(restricted['big_classes_mcc2'])}.",
    ]
    if "calibration" in measured:
        found = measured["calibration"]
        ece = [found[when]["expected_calibration_error"] for when in ("before", "after")]
        lines += [
            "",
            f"Expected calibration error of the type probability: {as_text(ece[0])} as trained, "
            f"{as_text(ece[1])} at temperatures, each fitted on predictions of proteins that its "
            "model is not tested on.",
        ]
    return "\n".join(lines)


def teachers_text(teachers: Sequence[Teacher], unlabelled: Sequence[str]) -> str:
    """The card's section on a distilled model's teachers. unlabelled: names of FASTA files."""
    lines = [
        "Beside the labels it was trained on what these models predict for the labelled windows, "
        "varied copies of them, and unlabelled proteins; it holds none of their weights.",
        "",
    ]
    for teacher in teachers:
        partitions = ", ".join(map(str, teacher.partitions or ()))
        lines.append(
            f"- `{teacher.name}` (licence {teacher.licence}), which was trained on partitions "
            f"{partitions or 'unknown'}"
        )
    if unlabelled:
        lines += ["", f"Unlabelled: {', '.join(f'`{name}`' for name in unlabelled)}."]
    return "\n".join(lines)


def card(name: str, description: str, sections: Sequence[tuple[str, str]]) -> str:
    """A model card: a title, what the model is, and titled sections."""
    parts = [f"# {name}", "", description, ""]
    for title, body in sections:
        parts += [f"## {title}", "", body, ""]
    return "\n".join(parts)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def interval_text(low: float | None, high: float | None) -> str:
    """An interval in brackets with a blank before it, empty where it is undefined."""
    return "" if low is None else f" ({as_text(low)} to {as_text(high)})"


def as_text(value: float | None) -> str:
    """A figure with three decimals, a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"
