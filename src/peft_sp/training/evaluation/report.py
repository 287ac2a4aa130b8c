"""The figures of a cross-validation as a page, and those of several as one table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from peft_sp.biology.grammar import ORGANISM_GROUPS, TYPES
from peft_sp.io.registry.accuracy import (
    BIG_CLASSES,
    CLEAVAGE_METRICS,
    MAIN_CLASS_METRICS,
    SUMMARY_METRICS,
    ClassFigures,
    Figures,
    as_text,
    count_text,
)
from peft_sp.io.registry.model_config import Calibration
from peft_sp.training.evaluation.evaluate import RESAMPLES
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.model_card import cross_validated
from peft_sp.training.evaluation.out_of_fold import probability_section
from peft_sp.training.evaluation.published import (
    LORA_3B_MCC2,
    LORA_3B_STORED_MEAN_MCC2,
    MEAN_MCC2,
    SIGNALP6_CLEAVAGE,
    SIGNALP6_MCC2,
    is_comparable,
)

HEADING = "# Cross-validation of "
"""How every report begins."""
_PUBLISHED = {
    "SignalP 6.0": (SIGNALP6_MCC2, MEAN_MCC2["SignalP 6.0"]),
    "LoRA-3B": (LORA_3B_MCC2, MEAN_MCC2["LoRA"]),
}
"""Published MCC2 of each class, and its mean, by the column that it stands in."""
_TEMPERATURES = ["temperature", "of eukaryotes", "of sites"]
_CAPTIONS = {
    "classes": "MCC2 per class",
    "cleavage": "cleavage sites against tolerance, five big classes",
    "reliability": "how often a probability is right",
    "confusion": "annotated against predicted type",
    "regions": "region lengths of what is predicted",
}


def mean_over_models(folds: Mapping[str, Figures]) -> dict[str, Any]:
    """Means over the models of their figures, as published ones are.

    Of each: mean, standard deviation over the models, and how many models it is defined in; a
    class that a test partition does not hold counts in the others alone. The mean MCC2 is the
    mean of the classes' means; its deviation is that of the models' own means, which are over
    the classes that each is tested on.
    """
    classes: dict[tuple[str, str], list[ClassFigures]] = {}
    for fold in folds.values():
        for c in fold.classes:
            classes.setdefault((c.organism, c.type), []).append(c)
    of_classes = [_mean([c.mcc2 for c in found])["mean"] for found in classes.values()]
    summary = {
        metric.name: _mean([metric.value(fold) for fold in folds.values()])
        for metric in SUMMARY_METRICS
    }
    summary["mean_mcc2"]["mean"] = _mean(of_classes)["mean"]
    return {
        **summary,
        "classes": [
            {
                "organism": organism,
                "type": kind,
                **{
                    metric.name: _mean([metric.value(c) for c in found])
                    for metric in MAIN_CLASS_METRICS
                },
            }
            for (organism, kind), found in sorted(classes.items(), key=_order)
        ],
    }


def report(content: dict[str, Any], pictures: Sequence[str] = ()) -> str:
    """The figures of a cross-validation as Markdown."""
    models, known = content["folds"], is_comparable(content.get("sources"))
    parameters = content["parameters"]
    share = parameters["trained"] / parameters["all"]
    # Each protein twice gives none, see `crossval`.
    intervals = (
        f" Intervals: bootstrap over proteins, {RESAMPLES:,} resamples."
        if content["protocol"] == "deployed"
        else ""
    )
    lines = [
        f"{HEADING}{content['recipe']['name']}",
        "",
        " ".join(filter(None, map(content["recipe"].get, ("description", "settings_origin")))),
        "",
        f"{len(models)} models of {parameters['all']:,} parameters, of which "
        f"{parameters['trained']:,} ({share:.1%}) are trained; no window is learned from and "
        "tested on." + intervals,
        "",
        *_made_partitions(content),
        *_remainder(content),
        "## Pooled out-of-fold predictions",
        "",
        cross_validated(content),
        "",
        *[f"![{_caption(name, known)}]({name})\n" for name in pictures],
        "## Beside the published figures" if known else "## Means over the models",
        "",
        *_beside(content),
        "",
        "## Cleavage sites: posterior and Viterbi",
        "",
        *_decodings(content),
        "",
        *_probabilities(content),
        "## Fold by fold",
        "",
        *_fold_by_fold(content),
        "",
    ]
    return "\n".join(lines)


def _made_partitions(content: dict[str, Any]) -> list[str]:
    """A paragraph on partitions that the data lack."""
    said = content.get("made_partitions")
    return [f"The file of labelled proteins {said}.", ""] if said else []


def _remainder(content: dict[str, Any]) -> list[str]:
    """A paragraph on proteins of no partition that the models learned from, too."""
    if not (counts := content.get("remainder")):
        return []
    limits = content["recipe"]["remainder"]
    few, many = min(counts.values()), max(counts.values())
    number = f"{few:,}" if few == many else f"{few:,} to {many:,}"
    said = (
        f"Each model learned from {number} labelled proteins of no partition, too: those whose "
        f"identity to every protein that it is validated or tested on is below "
        f"{limits['max_identity']:.0%}, and whose alignments with these have E-values above "
        f"{limits['max_evalue']:g}."
    )
    if is_comparable(content.get("sources")):
        said += " The published models did not: their figures are of less data to learn from."
    return [said, ""]


def _probabilities(content: dict[str, Any]) -> list[str]:
    """What the probabilities are worth, where each fold's temperatures come from the others."""
    groups = content["calibration"].get("groups")
    return ["## Probabilities", "", *probability_section(groups), ""] if groups else []


def _fold_by_fold(content: dict[str, Any]) -> list[str]:
    """The summary metrics of each model on its test partition."""
    temperatures = content["calibration"].get("folds", {})  # files of earlier versions
    rows = []
    for name, fold in content["folds"].items():
        figures = Figures.of(fold, name)
        rows.append(
            (
                name,
                count_text(figures.proteins),
                str(len(figures.classes)),
                *(metric.text(figures) for metric in SUMMARY_METRICS),
                *_temperatures(temperatures.get(name)),
            )
        )
    # Means are over the classes, whose number stands in the column before.
    headings = [
        ("their " if metric.name.startswith("mean_") else "") + metric.heading
        for metric in SUMMARY_METRICS
    ]
    return markdown_table(["fold", "proteins", "classes", *headings, *_TEMPERATURES], rows)


def _temperatures(found: Mapping[str, Any] | None) -> list[str]:
    """Of types, of those of eukaryotes, and of sites."""
    if found is None:
        return [as_text(None)] * len(_TEMPERATURES)
    own = Calibration.of(found, "calibration")
    return [f"{t:.2f}" for t in (own.temperature, own.eukarya or own.temperature, own.sites)]


def _beside(content: dict[str, Any]) -> list[str]:
    """MCC2 per class, pooled and as a mean over models, and as published of the same data."""
    figures = Figures.of(content["pooled"], "pooled")
    pooled = {(c.organism, c.type): c.mcc2 for c in figures.classes}
    means = content["mean_over_models"]
    published = _PUBLISHED if is_comparable(content.get("sources")) else {}
    rows = []
    for c in means["classes"]:
        key = (c["organism"], c["type"])
        theirs = (as_text(classes.get(key)) for classes, _ in published.values())
        rows.append((*key, as_text(pooled.get(key)), with_deviation(c["mcc2"]), *theirs))
    mean = f"**{as_text(figures.mean_mcc2)}**", with_deviation(means["mean_mcc2"])
    rows.append(("**mean**", "", *mean, *(as_text(theirs) for _, theirs in published.values())))
    table = markdown_table(
        ["organism", "type", "pooled", "mean over models", *published], rows, labels=2
    )
    if not published:
        return ["MCC2. In brackets: standard deviation over the models.", "", *table]
    return [
        "MCC2. Published figures are means over six models that learned from one partition each; "
        "SignalP 6.0 from its article, LoRA-3B is LoRA on ESM-2 3B as its article gives it (the "
        f"results stored with its code have a mean of {LORA_3B_STORED_MEAN_MCC2}). In brackets: "
        "standard deviation over our models.",
        "",
        *table,
    ]


def _decodings(content: dict[str, Any]) -> list[str]:
    """Cleavage recall and precision at tolerance 0 of the five big classes, by decoding."""
    found = [
        {(c.organism, c.type): c for c in Figures.of(content[name], name).classes}
        for name in ("pooled", "viterbi")
    ]
    known = is_comparable(content.get("sources"))
    rows = []
    for key in BIG_CLASSES:
        if any(key not in classes for classes in found):
            continue
        own = [" / ".join(as_text(m.value(c[key])) for m in CLEAVAGE_METRICS) for c in found]
        published = " / ".join(f"{share:.2f}" for share in SIGNALP6_CLEAVAGE[key])
        rows.append((*key, *own, *([published] if known else [])))
    head = ["organism", "type", "posterior", "Viterbi", *(["SignalP 6.0"] if known else [])]
    return [
        "Recall / precision at tolerance 0. Posterior: the most probable type, cut where its "
        "cleavage posterior is largest (what `predict` does). Viterbi: type and cut of the single "
        "best path.",
        "",
        *markdown_table(head, rows, labels=2),
    ]


def _mean(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {
        "mean": round(statistics.fmean(known), 6) if known else None,
        "deviation": round(statistics.stdev(known), 6) if len(known) > 1 else None,
        "models": len(known),
    }


def with_deviation(found: Mapping[str, Any] | None) -> str:
    """A mean over models with its standard deviation in brackets, where there is one.

    found: as in `mean_over_models`; None where an earlier version did not have the metric.
    """
    if found is None:
        return as_text(None)
    deviation = found["deviation"]
    return as_text(found["mean"]) + ("" if deviation is None else f" ({deviation:.3f})")


def _order(item: tuple[tuple[str, str], Any]) -> tuple[int, int]:
    organism, kind = item[0]
    return ORGANISM_GROUPS.index(organism), TYPES.index(kind)


def _caption(name: str, known: bool) -> str:
    stem = name.partition(".")[0]
    published = ", beside the published figures" if known and stem == "classes" else ""
    return _CAPTIONS.get(stem, name) + published
