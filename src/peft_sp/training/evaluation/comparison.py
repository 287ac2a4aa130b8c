"""Cross-validations of several recipes side by side, as one Markdown table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from peft_sp.training.evaluation.model_card import as_text
from peft_sp.training.evaluation.report import SUMMARY, with_deviation


def comparison(contents: Sequence[dict[str, Any]]) -> str:
    """Several cross-validations of one protocol and data set as a Markdown table."""
    first = contents[0]
    protocol, proteins = first["protocol"], first["pooled"]["proteins"]
    rows = [
        f"Protocol '{protocol}', {len(first['folds'])} models each, {proteins:,} predictions of "
        "labelled proteins. Means over the models, in brackets the standard deviation over them; "
        "CS: cleavage recall at tolerance 0. Rows by mean MCC2.",
        "",
        "| recipe | trained parameters | mean MCC2 | five big classes | multi-class MCC "
        "| Euk SP | Neg LIPO | Neg TAT | CS Euk SP | CS Neg LIPO |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    ordered = sorted(contents, key=lambda c: -_rank(c["mean_over_models"]["mean_mcc2"]))
    for content in ordered:
        means = content["mean_over_models"]
        of = {(c["organism"], c["type"]): c for c in means["classes"]}
        trained, whole = content["parameters"]["trained"], content["parameters"]["all"]
        cells = [
            content["recipe"]["name"],
            f"{trained:,} ({trained / whole:.1%})",
            *(with_deviation(means[key]) for key in SUMMARY),
        ]
        for key in (("EUKARYA", "SP"), ("NEGATIVE", "LIPO"), ("NEGATIVE", "TAT")):
            cells.append(as_text(of[key]["mcc2"]["mean"]) if key in of else "–")
        for key in (("EUKARYA", "SP"), ("NEGATIVE", "LIPO")):
            cells.append(as_text(of[key]["cleavage_recall"]["mean"]) if key in of else "–")
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _rank(mean: dict[str, Any]) -> float:
    found = mean["mean"]
    return -math.inf if found is None else float(found)
