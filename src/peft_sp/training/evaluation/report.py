"""The figures of a cross-validation as a page, and those of several as one table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from peft_sp.biology.grammar import ORGANISM_GROUPS, TYPES
from peft_sp.training.evaluation.evaluate import RESAMPLES
from peft_sp.training.evaluation.metrics import BIG_CLASSES
from peft_sp.training.evaluation.model_card import as_text, cross_validated, interval_text
from peft_sp.training.evaluation.published import (
    LORA_3B_MCC2,
    LORA_3B_STORED_MEAN_MCC2,
    MEAN_MCC2,
    SIGNALP6_CLEAVAGE,
    SIGNALP6_MCC2,
)

_CAPTIONS = {
    "classes": "MCC2 per class, beside the published figures",
    "cleavage": "cleavage sites against tolerance, five big classes",
    "reliability": "how often a probability is right",
    "confusion": "annotated against predicted type",
    "regions": "region lengths of what is predicted",
}
SUMMARY = ("mean_mcc2", "big_classes_mcc2", "multiclass_mcc")


def mean_over_models(folds: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over the models of figures as `card.figures` gives them, as published ones are.

    Of each: mean, standard deviation over the models, and how many models it is defined in; a
    class that a test partition does not hold counts in the others alone. The mean MCC2 is the
    mean of the classes' means; its deviation is that of the models' own means, which are over
    the classes that each is tested on.
    """
    classes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for fold in folds.values():
        for c in fold["classes"]:
            classes.setdefault((c["organism"], c["type"]), []).append(c)
    of_classes = [_mean([c["mcc2"] for c in found])["mean"] for found in classes.values()]
    summary = {key: _mean([fold[key] for fold in folds.values()]) for key in SUMMARY}
    summary["mean_mcc2"]["mean"] = _mean(of_classes)["mean"]
    return {
        **summary,
        "classes": [
            {
                "organism": organism,
                "type": kind,
                "mcc2": _mean([c["mcc2"] for c in found]),
                "cleavage_recall": _mean([c["cleavage_recall"][0] for c in found]),
                "cleavage_precision": _mean([c["cleavage_precision"][0] for c in found]),
            }
            for (organism, kind), found in sorted(classes.items(), key=_order)
        ],
    }


def report(content: dict[str, Any], pictures: Sequence[str] = ()) -> str:
    """The figures of a cross-validation as Markdown."""
    models = content["folds"]
    parameters = content["parameters"]
    share = parameters["trained"] / parameters["all"]
    # Each protein twice gives none, see `crossval`.
    intervals = (
        f" Intervals: bootstrap over proteins, {RESAMPLES:,} resamples."
        if content["protocol"] == "deployed"
        else ""
    )
    lines = [
        f"# Cross-validation of {content['recipe']['name']}",
        "",
        content["recipe"]["description"],
        "",
        f"{len(models)} models of {parameters['all']:,} parameters, of which "
        f"{parameters['trained']:,} ({share:.1%}) are trained; no window is learned from and "
        "tested on." + intervals,
        "",
        "## Pooled out-of-fold predictions",
        "",
        cross_validated(content),
        "",
        *[f"![{_caption(name)}]({name})\n" for name in pictures],
        "## Beside the published figures",
        "",
        *_beside(content),
        "",
        "## Cleavage sites: posterior and Viterbi",
        "",
        *_decodings(content),
        "",
        "## Fold by fold",
        "",
        "| fold | proteins | classes | their mean MCC2 (95 % interval) | five big classes "
        "| multi-class MCC | temperature |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    temperatures = content["calibration"]["temperatures"]
    for name, fold in models.items():
        cells = [f"{fold['proteins']:,}", str(len(fold["classes"]))]
        low, high = fold["mean_mcc2_interval"]
        cells += [as_text(fold[key]) for key in SUMMARY]
        cells[2] += interval_text(low, high)
        lines.append(" | ".join(["| " + name, *cells, f"{temperatures[name]:.2f}"]) + " |")
    lines.append("")
    return "\n".join(lines)


def _beside(content: dict[str, Any]) -> list[str]:
    """MCC2 per class: ours pooled and as a mean over models, SignalP 6.0's and LoRA-3B's."""
    pooled = {(c["organism"], c["type"]): c["mcc2"] for c in content["pooled"]["classes"]}
    means = content["mean_over_models"]
    rows = [
        "MCC2. Published figures are means over six models that learned from one partition each; "
        "SignalP 6.0 from its article, LoRA-3B is LoRA on ESM-2 3B as its article gives it (the "
        f"results stored with its code have a mean of {LORA_3B_STORED_MEAN_MCC2}). In brackets: "
        "standard deviation over our models.",
        "",
        "| organism | type | pooled | mean over models | SignalP 6.0 | LoRA-3B |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for c in means["classes"]:
        key = (c["organism"], c["type"])
        rows.append(
            f"| {key[0]} | {key[1]} | {as_text(pooled[key])} | {with_deviation(c['mcc2'])} "
            f"| {as_text(SIGNALP6_MCC2.get(key))} | {as_text(LORA_3B_MCC2.get(key))} |"
        )
    mean = content["pooled"]["mean_mcc2"]
    rows.append(
        f"| **mean** | | **{as_text(mean)}** | {with_deviation(means['mean_mcc2'])} "
        f"| {as_text(MEAN_MCC2['SignalP 6.0'])} | {as_text(MEAN_MCC2['LoRA'])} |"
    )
    return rows


def _decodings(content: dict[str, Any]) -> list[str]:
    """Cleavage recall and precision at tolerance 0 of the five big classes, by decoding."""
    found = [
        {(c["organism"], c["type"]): c for c in content[name]["classes"]}
        for name in ("pooled", "viterbi")
    ]
    rows = [
        "Recall / precision at tolerance 0. Posterior: the most probable type, cut where its "
        "cleavage posterior is largest (what `predict` does). Viterbi: type and cut of the single "
        "best path.",
        "",
        "| organism | type | posterior | Viterbi | SignalP 6.0 |",
        "|---|---|--:|--:|--:|",
    ]
    for key in BIG_CLASSES:
        if any(key not in classes for classes in found):
            continue
        own = [
            f"{as_text(c[key]['cleavage_recall'][0])} / {as_text(c[key]['cleavage_precision'][0])}"
            for c in found
        ]
        recall, precision = SIGNALP6_CLEAVAGE[key]
        rows.append(
            f"| {key[0]} | {key[1]} | {own[0]} | {own[1]} | {recall:.2f} / {precision:.2f} |"
        )
    return rows


def _mean(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {
        "mean": round(statistics.fmean(known), 6) if known else None,
        "deviation": round(statistics.stdev(known), 6) if len(known) > 1 else None,
        "models": len(known),
    }


def with_deviation(found: dict[str, Any]) -> str:
    """A mean over models with its standard deviation in brackets, where there is one."""
    deviation = found["deviation"]
    return as_text(found["mean"]) + ("" if deviation is None else f" ({deviation:.3f})")


def _order(item: tuple[tuple[str, str], Any]) -> tuple[int, int]:
    organism, kind = item[0]
    return ORGANISM_GROUPS.index(organism), TYPES.index(kind)


def _caption(name: str) -> str:
    return _CAPTIONS.get(name.partition(".")[0], name)
