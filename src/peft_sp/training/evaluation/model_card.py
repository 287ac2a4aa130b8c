"""A model's card, from figures that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft_sp.io.registry.accuracy import (
    BIG_CLASSES_MCC2,
    CLASS_METRICS,
    MEAN_MCC2,
    SUMMARY_METRICS,
    Figures,
    as_text,
    count_text,
)
from peft_sp.io.registry.model_config import Made, Teacher
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.published import is_comparable


def table(figures: Figures) -> str:
    """Figures as a Markdown table, one row a class, and the summary below it."""
    headings = [metric.heading for metric in CLASS_METRICS]
    rows = [
        (c.organism, c.type, count_text(c.proteins), *(metric.text(c) for metric in CLASS_METRICS))
        for c in figures.classes
    ]
    phrases = [
        (metric.phrase or metric.title + ": {value}").format(
            value=metric.text(figures, bold=True),
            classes=len(figures.classes),
            proteins=count_text(figures.proteins),
        )
        for metric in SUMMARY_METRICS
    ]
    return "\n".join(
        [
            *markdown_table(["organism", "type", "proteins", *headings], rows, labels=2),
            "",
            f"{'; '.join(phrases)}. Cleavage sites (CS) are exact, tolerance 0.",
        ]
    )


_RESTRICTED = (MEAN_MCC2, BIG_CLASSES_MCC2)
_PROTOCOLS = {
    "deployed": "each protein predicted by a model that learned from the other partitions{apart}. "
    "Windows that are identical to a tested one were left out of training; near-identical "
    "ones{few} were not. All folds in one table.",
    "published": "each protein predicted by two models that learned from one other partition"
    "{apart}, the third being the one by which the epoch was chosen. Windows that are identical to "
    "a tested or validating one were left out of training. All six models' predictions in one "
    "table, without intervals, since each protein stands there twice.",
}
_APART = {
    "deployed": ", which SignalP 6.0's authors separated by homology (nominally at most 30 % "
    "identity)",
    "published": " (SignalP 6.0's authors separated them by homology, nominally at most 30 % "
    "identity)",
}
"""What is known of the partitions of SignalP 6.0's data, and of no other."""


def _protocol(measured: dict[str, Any]) -> str:
    """How a cross-validation was made, with what is known of its data."""
    name = measured["protocol"]
    known = is_comparable(measured.get("sources"))
    few = ", of which a few stand in two partitions," if known else ""
    text = _PROTOCOLS[name].format(apart=_APART[name] if known else "", few=few)
    unknown = " How alike proteins of different partitions are is not known here."
    return text if known else text + unknown


def cross_validated(measured: dict[str, Any]) -> str:
    """What a card says of a cross-validation, from its figures file."""
    pooled, restricted = (
        Figures.of(measured.get(key, {}), key) for key in ("pooled", "restricted")
    )
    shown = (f"{metric.title} {as_text(metric.value(restricted))}" for metric in _RESTRICTED)
    lines = [
        f"Cross-validated with the same recipe, protocol '{measured['protocol']}': "
        f"{_protocol(measured)}",
        "",
        table(pooled),
        "",
        "With eukaryotes given NO_SP and SP alone, as `--organism eukarya` does: "
        f"{', '.join(shown)}.",
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


def how(made: Made) -> str:
    """A sentence on how long a model's training took, and on what."""
    if made.duration is None:
        return ""
    minutes, seconds = round(made.duration / 60), round(made.duration)
    in_seconds = "1 second" if seconds == 1 else f"{seconds} seconds"
    took = in_seconds if minutes < 2 else f"{minutes:,} minutes"
    together = "" if made.world_size in (None, 1) else f" in {made.world_size} processes"
    return f"It took {took} on {made.device or 'an unknown device'}{together}."


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
