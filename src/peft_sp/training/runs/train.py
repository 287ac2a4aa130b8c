"""A training run from the name of its recipe, as commands and programs begin one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_sp.io.registry.accuracy import summary
from peft_sp.io.registry.recipe_files import toml_value
from peft_sp.training.evaluation.metrics import Scores
from peft_sp.training.fitting.history import History
from peft_sp.training.fitting.processes import is_first_process
from peft_sp.training.fitting.progress import Progress
from peft_sp.training.fitting.trainer import HeldOut, Trained
from peft_sp.training.inputs import TrainingInputs, read_inputs
from peft_sp.training.recipe import Recipe, changed, read_recipe
from peft_sp.training.runs.crossval import read_figures
from peft_sp.training.runs.figures import add_figures, is_finished
from peft_sp.training.runs.run import check_start, run


@dataclass(frozen=True)
class TrainedModel:
    """A model that was trained.

    directory: of the model, which `peft_sp.load` takes; recipe: as it was trained; held_out: what
    the model says of the validation and the test partition.
    """

    directory: Path
    recipe: Recipe
    held_out: HeldOut

    @property
    def validation(self) -> Scores | None:
        """Figures on the validation partition, None without one."""
        return None if self.held_out.validation is None else self.held_out.validation.scores

    @property
    def test(self) -> Scores | None:
        """Figures on the test partition, None without one."""
        return None if self.held_out.test is None else self.held_out.test.scores

    @property
    def history(self) -> History | None:
        """Loss and figures by step and epoch; None for an ensemble, whose networks have theirs."""
        return self.held_out.history if isinstance(self.held_out, Trained) else None

    def __str__(self) -> str:
        """Where it is, and how good."""
        measured = (("validation", self.validation), ("test", self.test))
        said = [f"{name}: {summary(scores)}" for name, scores in measured if scores is not None]
        return "; ".join([f"{self.recipe.name} in {self.directory}", *said])


def recipe_of(
    recipe: Recipe | str | os.PathLike[str], settings: Mapping[str, Any] | None = None
) -> Recipe:
    """A recipe, or that of a name or a TOML file, with some of its options changed.

    settings: values by the options' names, as {"data": file, "optimisation.epochs": 2}; None
    removes one. Raises RecipeError.
    """
    given = {
        key: os.fspath(value) if isinstance(value, os.PathLike) else value
        for key, value in (settings or {}).items()
    }
    if isinstance(recipe, Recipe):
        return changed(recipe, given) if given else recipe
    setting = [f"{key}={toml_value(value)}" for key, value in given.items() if value is not None]
    return read_recipe(recipe, setting, [key for key, value in given.items() if value is None])


def train(
    recipe: Recipe | str | os.PathLike[str],
    directory: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    *,
    crossval: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    report_to: Sequence[str] = (),
    notice: Callable[[TrainingInputs], None] | None = None,
) -> TrainedModel:
    """Train a model and write its directory; a run that was stopped is resumed.

    recipe, settings: see `recipe_of`. crossval: directory of a cross-validation of the same recipe,
    whose figures the card then states; a model that was finished before gets them, and is not
    trained again. progress, activation_cache, report_to, and what is raised:
    see `run.run`. notice: gets what the recipe names, before the training.
    """
    recipe = recipe_of(recipe, settings)
    finished = crossval is not None and is_finished(directory)
    if not finished:
        check_start(recipe, directory)
    inputs = read_inputs(recipe)
    if notice is not None and is_first_process():
        notice(inputs)
    measured = None if crossval is None else read_figures(crossval, recipe, inputs)
    if finished and measured is not None:
        held_out = add_figures(recipe, inputs.split(recipe.partitions), directory, measured)
        return TrainedModel(Path(directory), recipe, held_out)
    held_out = run(
        recipe,
        directory,
        inputs,
        progress=progress,
        measured=measured,
        activation_cache=activation_cache,
        report_to=report_to,
    )
    return TrainedModel(Path(directory), recipe, held_out)
