"""Students of tiny teachers: what several tests of distillation need."""

from __future__ import annotations

import os
from typing import Any

from peft_sp.training.dataset import LabelledWindows
from peft_sp.training.distillation.dataset import DistilledWindows, distilled_windows
from peft_sp.training.inputs import Split, read_inputs
from peft_sp.training.recipe import Recipe


def changed(recipe: Recipe, **values: Any) -> Recipe:
    """A recipe with other values of some options."""
    return Recipe.model_validate({**recipe.model_dump(), **values})


def distilling(recipe: Recipe, **values: Any) -> Recipe:
    """A recipe with other values of options of its distillation."""
    assert recipe.distillation is not None
    return changed(recipe, distillation={**recipe.distillation.model_dump(), **values})


def split_of(recipe: Recipe) -> Split:
    """The inputs of a recipe's run."""
    return read_inputs(recipe).split(recipe.partitions)


def varied_windows(recipe: Recipe) -> LabelledWindows:
    """A recipe's labelled windows with its augmentation."""
    return LabelledWindows(split_of(recipe).train_table, *recipe.optimisation.augmentation)


def windows_of(
    recipe: Recipe, directory: str | os.PathLike[str], **options: Any
) -> DistilledWindows:
    """A recipe's transfer set with its teachers' answers, as training has it."""
    assert recipe.distillation is not None
    return distilled_windows(
        varied_windows(recipe),
        split_of(recipe),
        recipe.distillation,
        recipe.seed,
        directory,
        **options,
    )
