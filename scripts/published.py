"""Our models by the published protocol beside the published figures, as a page.

    python scripts/published.py

Reads `metrics.json` of docs/results/published-*, writes docs/results/published.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from peft_sp.io.atomic import write_text
from peft_sp.io.registry.accuracy import SUMMARY_METRICS, as_text
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.published import (
    BIG_CLASSES_MCC2,
    LORA_3B_MCC2,
    LORA_3B_STORED_MEAN_MCC2,
    MEAN_MCC2,
    SIGNALP6_CLEAVAGE,
    SIGNALP6_MCC2,
    is_comparable,
)
from peft_sp.training.evaluation.report import with_deviation

RESULTS = Path("docs/results")
PAGE = RESULTS / "published.md"
OURS = {
    "esm2-8m-partitions": "three LoRAs together",
    "lora-8M-windows": "LoRA, backbone trained further on unlabelled proteins",
    "lora-8M": "LoRA",
    "full-8M": "full fine-tuning",
    "adapter-8M": "adapters",
    "prompt-8M": "prompt tuning",
}
"""What each of ours is, by the end of its directory's name."""
WINDOWS = "lora-8M-windows"
ABOVE = {"SignalP 6.0": "SignalP 6.0", "LoRA": "LoRA on ESM-2 3B"}
"""Published means that ours are held against, and how they are called."""
EUKARYOTES = ("EUKARYA", "SP")
PILINS = ("ARCHAEA", "PILIN")
"""The small class in which SignalP 6.0 is furthest behind."""


def measured() -> dict[str, dict[str, Any]]:
    """The cross-validations that are there, by the ends of their directories' names."""
    files = {name: RESULTS / f"published-{name}" / "metrics.json" for name in OURS}
    contents = {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}
    for name, content in contents.items():
        if content["protocol"] != "published" or len(content["folds"]) != 6:
            raise SystemExit(f"{files[name]}: is not of the published protocol, or not whole")
        if content["recipe"].get("remainder") or content["recipe"].get("distillation"):
            raise SystemExit(f"{files[name]}: learned from more than the published data")
        if not is_comparable(content.get("sources")):
            raise SystemExit(f"{files[name]}: is of other data than the published figures")
    return contents


def classes(content: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Figures of each class."""
    return {(c["organism"], c["type"]): c for c in content["mean_over_models"]["classes"]}


def summary(contents: dict[str, dict[str, Any]]) -> list[str]:
    """Means over the classes, of ours and of the published ones."""
    rows = []
    for name, content in contents.items():
        means, own = content["mean_over_models"], classes(content)[EUKARYOTES]
        sites = [f"{own[f'cleavage_{kind}']['mean']:.2f}" for kind in ("recall", "precision")]
        figures = [with_deviation(means.get(metric.name)) for metric in SUMMARY_METRICS]
        place = f"[{name}](published-{name}/report.md)"
        euk = as_text(own["mcc2"]["mean"])
        rows.append((place, OURS[name], "8M", *figures, euk, " / ".join(sites)))
    sites = [f"{value:.2f}" for value in SIGNALP6_CLEAVAGE[EUKARYOTES]]
    one = as_text(SIGNALP6_MCC2[EUKARYOTES])
    means = as_text(MEAN_MCC2["SignalP 6.0"]), as_text(BIG_CLASSES_MCC2["SignalP 6.0"]), "–"
    rows.append(("SignalP 6.0", "ProtBert, fine-tuned", "420M", *means, one, " / ".join(sites)))
    for method in ("LoRA", "full fine-tuning", "adapter", "prompt tuning"):
        euk = as_text(LORA_3B_MCC2[EUKARYOTES]) if method == "LoRA" else "–"
        means = as_text(MEAN_MCC2[method]), as_text(BIG_CLASSES_MCC2.get(method)), "–"
        rows.append(("PEFT-SP, 2024", method, "3B", *means, euk, "–"))
    titles = [metric.title for metric in SUMMARY_METRICS]
    heads = ["models", "method", "backbone", *titles, "Euk SP", "its sites, recall / precision"]
    return markdown_table(heads, rows)


def means_without(key: tuple[str, str], contents: dict[str, dict[str, Any]]) -> str:
    """The means over all other classes, of those of ours that lead, and of SignalP 6.0."""
    ours = {
        f"`{name}`": {k: c["mcc2"]["mean"] for k, c in classes(content).items()}
        for name, content in contents.items()
        if mean_of(content) > MEAN_MCC2["SignalP 6.0"]
    }
    return ", ".join(
        f"{name} {as_text(sum(found[k] for k in found if k != key) / (len(found) - 1))}"
        for name, found in (ours | {"SignalP 6.0": SIGNALP6_MCC2}).items()
    )


def tested(key: tuple[str, str], content: dict[str, Any]) -> int:
    """Proteins of a class; each is tested by two of the six models."""
    found = (c for fold in content["folds"].values() for c in fold["classes"])
    return sum(int(c["proteins"]) for c in found if (c["organism"], c["type"]) == key) // 2


def of_classes(contents: dict[str, dict[str, Any]]) -> list[str]:
    """MCC2 of each class."""
    own = {name: classes(content) for name, content in contents.items()}
    rows = [
        (
            *key,
            *(as_text(figures[key]["mcc2"]["mean"]) for figures in own.values()),
            as_text(SIGNALP6_MCC2[key]),
            as_text(LORA_3B_MCC2[key]),
        )
        for key in SIGNALP6_MCC2
    ]
    return markdown_table(["organism", "type", *own, "SignalP 6.0", "LoRA, 3B"], rows)


def above(other: str, contents: dict[str, dict[str, Any]], metric: str, theirs: float) -> str:
    """Which of ours have a higher figure than a published one, and by how much."""
    leads = {
        name: content["mean_over_models"][metric]["mean"] - theirs
        for name, content in contents.items()
    }
    found = ", ".join(f"`{name}` (by {lead:.3f})" for name, lead in leads.items() if lead > 0)
    return f"above the {theirs:.3f} of {ABOVE[other]}: {found or 'none'}"


def origins(contents: dict[str, dict[str, Any]]) -> list[str]:
    """How the settings of each were chosen, as its recipe says."""
    return [
        f"- `{name}`: {content['recipe'].get('settings_origin') or 'its recipe does not say.'}"
        for name, content in contents.items()
    ]


def mean_of(content: dict[str, Any]) -> float:
    """Its mean MCC2."""
    return float(content["mean_over_models"]["mean_mcc2"]["mean"])


def text() -> str:
    """The page."""
    contents = measured()
    return TEXT.format(
        summary="\n".join(summary(contents)),
        classes="\n".join(of_classes(contents)),
        origins="\n".join(origins(contents)),
        lora=as_text(MEAN_MCC2["LoRA"]),
        stored=as_text(LORA_3B_STORED_MEAN_MCC2),
        above="; ".join(above(n, contents, "mean_mcc2", MEAN_MCC2[n]) for n in ABOVE),
        big="; ".join(above(n, contents, "big_classes_mcc2", BIG_CLASSES_MCC2[n]) for n in ABOVE),
        without=means_without(PILINS, contents),
        proteins=tested(PILINS, next(iter(contents.values()))),
        windows=TEXT_WINDOWS if WINDOWS in contents else "",
        three=TEXT_THREE if "esm2-8m-partitions" in contents else "",
    )


TEXT_THREE = """

`esm2-8m-partitions` was called `esm2-8m` until version 0.2. The models that ship today, `fast` and
`esm2-8m`, learn from more than the published data, and have no figures by this protocol."""

TEXT_WINDOWS = """That of `lora-8M-windows` was also trained on residues that were hidden in
unlabelled N-terminal windows, without those that are labelled.
"""

TEXT = """# Like for like: our models by the published protocol

The other reports here are of models that learned from two of the three homology partitions. The
published figures are of models that learned from one. These are ours by the published protocol:
for each ordered pair of a test and a validation partition, a model learns from the one that is
left, and the validation partition chooses its epoch. Six models each; figures are means over them,
in brackets the standard deviation over the six (`peft-sp crossval RECIPE --protocol published`).

{summary}

Of our means over the 16 classes, {above}. Of those over the five big classes, {big}. The
class in which SignalP 6.0 is furthest behind is small: the type III signal peptides of archaea,
{proteins} proteins. Means over the other 15 classes: {without}.
Differences that are small against the standard deviations say little. {lora} is the printed mean of
LoRA; from the results that are stored with its code it is {stored}.{three}

**The same**: labelled proteins (20,290), partitions, protocol, classes, what is counted right. No
model here learned from labelled proteins outside the three partitions, from a teacher or from
predictions for unlabelled proteins.

**Not the same**: the backbone has 8 million parameters in place of 420 million and 3,000 million.
It is a copy that was fine-tuned for another peptide task ([which](esm2-8m/models/README.md)).
{windows}Losses, decoding and labelling rules are ours ([method](../method.md)).

Our settings were not chosen without a look at this data:

{origins}

MCC2 of each class, means over the models that are tested on it:

{classes}

A model learns from a third of the data here, and of some classes that is one protein, or none:
the standard deviations say how much chance is in these figures. `python scripts/published.py`
makes this page.
"""


def main() -> None:
    """Write the page."""
    write_text(PAGE, text())


if __name__ == "__main__":
    main()
