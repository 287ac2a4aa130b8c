"""Cross-validations of several recipes side by side, as one Markdown table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from peft_sp.io.registry.accuracy import SUMMARY_METRICS, as_text
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.report import with_deviation

_CLASS_COLUMNS = {
    "Euk SP": (("EUKARYA", "SP"), "mcc2"),
    "Neg LIPO": (("NEGATIVE", "LIPO"), "mcc2"),
    "Neg TAT": (("NEGATIVE", "TAT"), "mcc2"),
    "CS Euk SP": (("EUKARYA", "SP"), "cleavage_recall"),
    "CS Neg LIPO": (("NEGATIVE", "LIPO"), "cleavage_recall"),
}
"""Columns on single classes: by their titles, the class and the metric."""


FILE = "comparison.md"
BEGINNING = "Protocol '"
"""Of every comparison."""


def comparison(contents: Sequence[dict[str, Any]]) -> str:
    """Several cross-validations of one protocol and data set as a Markdown table."""
    first = contents[0]
    protocol, proteins = first["protocol"], first["pooled"]["proteins"]
    rows, columns = [], _CLASS_COLUMNS.values()
    ordered = sorted(contents, key=lambda c: -_rank(c["mean_over_models"]["mean_mcc2"]))
    for content in ordered:
        means = content["mean_over_models"]
        of = {(c["organism"], c["type"]): c for c in means["classes"]}
        trained, whole = content["parameters"]["trained"], content["parameters"]["all"]
        rows.append(
            (
                content["recipe"]["name"],
                f"{trained:,} ({trained / whole:.1%})",
                *(with_deviation(means.get(metric.name)) for metric in SUMMARY_METRICS),
                *(as_text(of[key][name]["mean"] if key in of else None) for key, name in columns),
            )
        )
    titles = [*(metric.title for metric in SUMMARY_METRICS), *_CLASS_COLUMNS]
    lines = [
        f"{BEGINNING}{protocol}', {len(first['folds'])} models each, {proteins:,} predictions of "
        "labelled proteins. Means over the models, in brackets the standard deviation over them; "
        "CS: cleavage recall at tolerance 0. Rows by mean MCC2.",
        "",
        *markdown_table(["recipe", "trained parameters", *titles], rows),
    ]
    return "\n".join(lines) + "\n"


def _rank(mean: dict[str, Any]) -> float:
    found = mean["mean"]
    return -math.inf if found is None else float(found)
