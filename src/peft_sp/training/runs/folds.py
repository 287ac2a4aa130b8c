"""The models of a cross-validation: what each is trained and tested on, and how it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from peft_sp.io.labelled import PARTITIONS
from peft_sp.io.registry.lookup import CONFIG
from peft_sp.training.evaluation.evaluate import write_evaluation
from peft_sp.training.fitting.processes import is_first_process
from peft_sp.training.options import Partitions
from peft_sp.training.recipe import Recipe
from peft_sp.training.runs.parallel import Job
from peft_sp.training.runs.run import run

Protocol = Literal["deployed", "published"]
EVALUATION = "evaluation.npz"


@dataclass(frozen=True)
class Fold:
    """One model of a cross-validation."""

    name: str
    partitions: Partitions


def folds(protocol: Protocol = "deployed") -> list[Fold]:
    """The models that a protocol trains."""
    if protocol == "deployed":
        return [
            Fold(f"test-{t}", Partitions(train=tuple(p for p in PARTITIONS if p != t), test=t))
            for t in PARTITIONS
        ]
    return [
        Fold(
            f"test-{t}-validation-{v}",
            Partitions(train=tuple(set(PARTITIONS) - {t, v}), validation=v, test=t),
        )
        for t in PARTITIONS
        for v in PARTITIONS
        if v != t
    ]


def outstanding(
    recipe: Recipe, directory: Path, protocol: Protocol, options: dict[str, Any]
) -> list[Job]:
    """What can be trained now: folds that are not whole, of ensembles their members before them.

    options: of `run`.
    """
    jobs = []
    for fold in folds(protocol):
        settings, model = of_fold(recipe, fold), directory / fold.name
        if (model / CONFIG).exists():
            continue
        members = []
        for number in range(recipe.members if recipe.members > 1 else 0):
            own = model / f"member-{number + 1}"
            if not (own / CONFIG).exists():
                make = partial(run, settings.member(number), own, **options)
                members.append(Job(f"{fold.name}/{own.name}", make, own / CONFIG))
        whole = partial(make_fold, settings, model, **options)
        jobs += members or [Job(fold.name, whole, model / CONFIG)]
    return jobs


def of_fold(recipe: Recipe, fold: Fold) -> Recipe:
    """The recipe of a fold's model."""
    return recipe.model_copy(update={"partitions": fold.partitions})


def make_fold(recipe: Recipe, model: Path, **options: Any) -> None:
    """Train a fold, with its evaluation beside it. options: of `run`."""
    held_out = run(recipe, model, **options)
    assert held_out.test is not None
    if is_first_process():
        write_evaluation(held_out.test, model / EVALUATION)
