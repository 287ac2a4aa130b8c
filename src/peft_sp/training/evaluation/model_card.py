"""A model's card, from figures that were measured."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft_sp.biology.grammar import ORGANISM_GROUPS, TYPES
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import (
    BIG_CLASSES_MCC2,
    CLASS_METRICS,
    MAIN_CLASS_METRICS,
    MEAN_MCC2,
    SUMMARY_METRICS,
    Figures,
    as_text,
    count_text,
)
from peft_sp.io.registry.model_config import Made, Teacher
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.published import SIGNALP6_DATA, SIGNALP6_LICENCE, is_comparable
from peft_sp.wording import counted


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
            classes=counted(len(figures.classes), "class", "classes"),
            proteins=f"{count_text(figures.proteins)} proteins",
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
        f"{', '.join((*shown, *_eukaryotes(restricted)))}.",
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


def _eukaryotes(restricted: Figures) -> list[str]:
    """The figures of eukaryotes' signal peptides, where there are any."""
    return [
        "of eukaryotes' signal peptides "
        + ", ".join(f"{metric.title} {as_text(metric.value(own))}" for metric in MAIN_CLASS_METRICS)
        for own in restricted.classes
        if (own.organism, own.type) == ("EUKARYA", "SP")
    ]


def how(made: Made) -> str:
    """A sentence on how long a model's training took, and on what."""
    if made.duration is None:
        return ""
    minutes, seconds = round(made.duration / 60), round(made.duration)
    took = counted(seconds, "second") if minutes < 2 else counted(minutes, "minute")
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


def proteins_text(
    train: Sequence[LabelledProtein],
    validation: Sequence[LabelledProtein] = (),
    test: Sequence[LabelledProtein] = (),
) -> str:
    """How many proteins of which classes a model learned from, was validated and tested on."""
    sets = {"trained": train, "validated": validation, "tested": test}
    counts = {name: Counter(p.organism_type for p in own) for name, own in sets.items() if own}
    amounts = [
        f"{name} on {counted(sum(own.values()), 'protein')} of "
        f"{counted(len(own), 'class', 'classes')}"
        for name, own in counts.items()
    ]
    found = set().union(*counts.values())
    classes = [(group, kind) for group in ORGANISM_GROUPS for kind in TYPES]
    rows = [
        (*key, *(f"{own[key]:,}" for own in counts.values())) for key in classes if key in found
    ]
    return "\n".join(
        [
            f"The model was {', '.join(amounts)} (organism group and type).",
            "",
            *markdown_table(["organism", "type", *counts], rows, labels=2),
        ]
    )


def use_text(model: str, backbone: str | None) -> str:
    """How to predict with a model, by its name or as `beside` gives it.

    backbone: the name of the one that the model needs beside it.
    """
    needs = "It needs no torch."
    if backbone is not None:
        named = Path(backbone).name if Path(backbone).is_absolute() else backbone
        needs = (
            f"It needs `pip install 'peft-sp[train]'` and beside it the backbone "
            f"`{named}`; what `peft-sp export` makes of it needs neither."
        )
    return (
        f"```sh\npeft-sp predict proteins.faa --model {shlex.quote(model)} -o results\n```\n\n"
        f"```python\nimport peft_sp\n\n"
        f"predictions = list(peft_sp.load({json.dumps(model, ensure_ascii=False)}).predict("
        f'peft_sp.read_fasta("proteins.faa")))\n```\n\n{needs}'
    )


def beside(directory: Path) -> str:
    """What a model's directory is called from the one that it lies in."""
    return f"./{directory.resolve().name}"


def licence_text(licence: str, data_sha256: str) -> str:
    """The licence of a model; without one, what its author has to do.

    data_sha256: of the labelled data, of whose licence is said what is known.
    """
    of_data = f" {SIGNALP6_LICENCE}" if data_sha256 == SIGNALP6_DATA else ""
    if licence:
        return f"Licence: {licence}.{of_data}"
    return (
        "Licence: not stated, so that nobody else may use the model. Its author names one here and "
        'in `config.json`, or trains it with `--set licence="..."`.'
    )


def with_section(text: str, title: str, body: str) -> str:
    """A card with a section in place of the one of its title, or as its last one."""
    section, own = f"## {title}\n\n{body}\n", _section(title)
    if not own.search(text):
        return f"{text.rstrip()}\n\n{section}"
    return own.sub(lambda _: f"{section}\n", text, count=1).rstrip() + "\n"


def without_section(text: str, title: str) -> str:
    """A card without the section of a title."""
    return _section(title).sub("", text, count=1).rstrip() + "\n"


def _section(title: str) -> re.Pattern[str]:
    return re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def card(name: str, description: str, sections: Sequence[tuple[str, str]]) -> str:
    """A model card: a title, what the model is, and titled sections."""
    parts = [f"# {name}", "", description, ""]
    for title, body in sections:
        parts += [f"## {title}", "", body, ""]
    return "\n".join(parts)
