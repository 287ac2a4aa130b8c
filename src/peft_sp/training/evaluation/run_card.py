"""The card of a model that a run has trained: its use, what it learned from, how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft_sp.io.registry.model_config import Made
from peft_sp.training.evaluation.model_card import (
    beside,
    card,
    cross_validated,
    how,
    licence_text,
    proteins_text,
    table,
    teachers_text,
    use_text,
)
from peft_sp.training.evaluation.published import SIGNALP6_NAME, is_comparable
from peft_sp.training.fitting.history import HISTORY
from peft_sp.training.fitting.trainer import HeldOut
from peft_sp.training.inputs import Split
from peft_sp.training.recipe import Recipe
from peft_sp.wording import counted


def _made_partitions(split: Split) -> str:
    """What the card says of partitions that the data lack."""
    if not split.inputs.made_partitions:
        return ""
    said = f"\n\n`{Path(split.inputs.data).name}` {split.inputs.made_partitions}."
    if split.holds_nothing_out:
        said += " Nothing is held out, so that all proteins are trained on."
    return said


def _from_remainder(made: Made) -> str:
    """What the card says of proteins of no partition that were trained on, too."""
    if (own := made.remainder) is None:
        return ""
    said = f" and {counted(own.proteins, 'protein')} of `{own.file}`, which are in none of them"
    if own.apart_from:
        said += f" and unlike all of partition {' and '.join(map(str, own.apart_from))}"
    return said


def run_card(
    recipe: Recipe,
    split: Split,
    held_out: HeldOut,
    measured: dict[str, Any] | None,
    directory: Path,
    *,
    made: Made,
    pictures: Sequence[str],
) -> str:
    """The card of a run's model. made: how that went; pictures: files that it shows."""
    parts, inputs = split.partitions, split.inputs
    known = f"{SIGNALP6_NAME}; " if is_comparable(inputs.hashes) else ""
    seeds = f"seed {recipe.seed}"
    if recipe.members > 1:
        seeds = f"{recipe.members} networks that predict together"
        if not recipe.variants:
            last = recipe.seed + recipe.members - 1
            seeds = f"{recipe.members} networks with the seeds {recipe.seed} to {last}"
    about = " ".join(filter(None, (recipe.settings_origin, how(made))))
    sections = [
        ("Use", use_text(beside(directory), recipe.backbone)),
        ("Labelled proteins", proteins_text(split.train, split.validation, split.test)),
        (
            "Training",
            f"Partitions {', '.join(map(str, parts.train))} of `{Path(inputs.data).name}` "
            f"({known}SHA-256 {inputs.data_sha256[:16]}...){_from_remainder(made)}, {seeds}; the "
            f"whole recipe is in `config.json`. {about} To train it again, where the files are "
            f"that it names:\n\n```sh\n{made.command}\n```" + _made_partitions(split),
        ),
    ]
    if pictures:
        drawn = "\n".join(f"![learning curves]({name})" for name in pictures)
        sections.append(("Learning curves", f"{drawn}\n\nThe numbers are in `{HISTORY}`."))
    if split.teachers:
        files = [Path(file.path).name for file in inputs.unlabelled]
        records = [teacher.record for teacher in split.teachers]
        sections.append(("Teachers", teachers_text(records, files)))
    if held_out.validation is not None:
        body = f"Partition {parts.validation}, by which the epoch was chosen.\n\n"
        sections.append(("Validation", body + table(held_out.validation.scores.figures)))
    if held_out.test is not None:
        body = f"Partition {parts.test}, never seen in training.\n\n"
        sections.append(("Test", body + table(held_out.test.scores.figures)))
    if measured is not None:
        sections.append(("Accuracy", cross_validated(measured)))
    sections.append(("Licence", licence_text(recipe.licence, inputs.data_sha256)))
    return card(recipe.name, recipe.description, sections)
