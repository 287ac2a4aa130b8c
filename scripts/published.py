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
    LORA_3B_MCC2,
    LORA_3B_STORED_MEAN_MCC2,
    MEAN_MCC2,
    SIGNALP6_CLEAVAGE,
    SIGNALP6_MCC2,
)
from peft_sp.training.evaluation.report import with_deviation

RESULTS = Path("docs/results")
PAGE = RESULTS / "published.md"
OURS = {
    "esm2-8m": "three LoRAs together",
    "lora-8M-windows": "LoRA, backbone that has seen windows",
    "lora-8M": "LoRA",
    "full-8M": "full fine-tuning",
    "adapter-8M": "adapters",
    "prompt-8M": "prompt tuning",
}
"""What each of ours is, by the end of its directory's name."""
ABOVE = ("SignalP 6.0", "LoRA")
"""Published means that ours are held against."""
EUKARYOTES = ("EUKARYA", "SP")


def measured() -> dict[str, dict[str, Any]]:
    """The cross-validations that are there, by the ends of their directories' names."""
    files = {name: RESULTS / f"published-{name}" / "metrics.json" for name in OURS}
    contents = {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}
    for name, content in contents.items():
        if content["protocol"] != "published" or len(content["folds"]) != 6:
            raise SystemExit(f"{files[name]}: is not of the published protocol, or not whole")
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
    unknown = ["–"] * (len(SUMMARY_METRICS) - 1)
    mean = as_text(MEAN_MCC2["SignalP 6.0"])
    rows.append(
        ("SignalP 6.0", "ProtBert, fine-tuned", "420M", mean, *unknown, one, " / ".join(sites))
    )
    for method in ("LoRA", "full fine-tuning", "adapter", "prompt tuning"):
        euk = as_text(LORA_3B_MCC2[EUKARYOTES]) if method == "LoRA" else "–"
        row = ("PEFT-SP, 2024", method, "3B", as_text(MEAN_MCC2[method]), *unknown, euk, "–")
        rows.append(row)
    titles = [metric.title for metric in SUMMARY_METRICS]
    heads = ["models", "method", "backbone", *titles, "Euk SP", "its sites, recall / precision"]
    return markdown_table(heads, rows)


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


def text() -> str:
    """The page."""
    contents = measured()
    means = {f"`{name}`": mean_of(content) for name, content in contents.items()}
    above = {other: [n for n, mean in means.items() if mean > MEAN_MCC2[other]] for other in ABOVE}
    return TEXT.format(
        summary="\n".join(summary(contents)),
        classes="\n".join(of_classes(contents)),
        stored=as_text(LORA_3B_STORED_MEAN_MCC2),
        above="; ".join(
            f"above the mean of {name}: {', '.join(found) or 'none'}"
            for name, found in above.items()
        ),
    )


def mean_of(content: dict[str, Any]) -> float:
    """Its mean MCC2."""
    return float(content["mean_over_models"]["mean_mcc2"]["mean"])


TEXT = """# Like for like: our models by the published protocol

The other reports here are of models that learned from two of the three homology partitions. The
published figures are of models that learned from one. These are ours by the published protocol:
for each ordered pair of a test and a validation partition, a model learns from the one that is
left, and the validation partition chooses its epoch. Six models each; figures are means over them,
in brackets the standard deviation over the models (`peft-sp crossval RECIPE --protocol
published`).

{summary}

Of ours, {above}. The latter is the printed one; from the results that are stored with its code it
is {stored}.

**The same**: labelled proteins (20,290), partitions, protocol, classes, what is counted right. No
model here learned from proteins of no partition, from a teacher or from answers for unlabelled
proteins.

**Not the same**: the backbone has 8 million parameters in place of 420 million and 3,000 million.
It is a copy that was fine-tuned for another peptide task ([which](esm2-8m/models/README.md)); that
of `lora-8M-windows` was also trained on residues that were hidden in unlabelled N-terminal
windows, without those that are labelled. Sampling and augmentation were chosen by training on
partition 1 and validating on partition 2, so that our figures are slightly optimistic. Losses,
decoding and labelling rules are ours ([method](../method.md)). Adapters, prompts and full
fine-tuning share what was chosen with LoRA.

MCC2 of each class, means over the models that are tested on it:

{classes}

A model learns from a third of the data here, and of some classes that are ten proteins or fewer:
the standard deviations say how much chance is in these figures. `python scripts/published.py`
makes this page.
"""


def main() -> None:
    """Write the page."""
    write_text(PAGE, text())


if __name__ == "__main__":
    main()
