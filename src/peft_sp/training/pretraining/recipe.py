"""A pretraining run as data: which windows, what is masked, and how the backbone is fitted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from peft_sp.errors import RecipeError
from peft_sp.io.registry import recipe_files
from peft_sp.network.settings import Settings
from peft_sp.training.options import MaxGradNorm, Schedule, WarmupFraction, WeightDecay
from peft_sp.training.recipe import resolved, validated


class Windows(Settings):
    """Where the windows come from."""

    unlabelled: tuple[str, ...] = Field(
        min_length=1, description="FASTA files of proteins, whose first 70 residues are used"
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description="FASTA files or labelled proteins; a window that begins with the same 60 "
        "residues as one of these is left out, so that they can be tested on",
    )
    held_out: int = Field(
        default=2000, ge=1, description="windows, drawn at random, that are measured on"
    )


class Masking(Settings):
    """What the network has to fill in."""

    fraction: float = Field(
        default=0.15, gt=0, lt=1, description="fraction of a window's residues to be predicted"
    )
    masked: float = Field(
        default=0.8, ge=0, le=1, description="fraction of these that the network sees as <mask>"
    )
    substituted: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="fraction of these that it sees as a random amino acid; the rest as they are",
    )

    @model_validator(mode="after")
    def _fractions(self) -> Masking:
        if self.masked + self.substituted > 1:
            raise ValueError("masked and substituted are fractions of one whole; they exceed 1")
        return self


class Fitting(Settings):
    """How the backbone is fitted."""

    epochs: float = Field(
        default=1.0, gt=0, description="passes over the windows; may be a fraction"
    )
    batch_size: int = Field(default=64, ge=1, description="windows in a batch")
    learning_rate: float = Field(default=3e-4, gt=0, description="the highest learning rate")
    weight_decay: WeightDecay = 0.01
    max_grad_norm: MaxGradNorm = 1.0
    warmup_fraction: WarmupFraction = 0.1
    schedule: Schedule = "cosine"
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="numbers that the network computes in; bfloat16 is faster where the "
        "processor has it, and many times slower where it has not",
    )
    evaluations: int = Field(
        default=4, ge=1, description="times in a pass that held-out windows are predicted"
    )


class PretrainingRecipe(Settings):
    """Everything that decides a pretraining run."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    description: str = ""
    licence: str = Field(default="MIT", description="of the backbone, as its source's")
    origin: str = Field(default="", description="where the backbone's weights come from")
    backbone: str = Field(description="ESM-2 name, hub id or directory")
    seed: int = Field(default=1, ge=0, description="seed of all random numbers")
    windows: Windows
    masking: Masking = Masking()
    fitting: Fitting = Fitting()


def read_pretraining_recipe(
    recipe: str | os.PathLike[str],
    settings: Sequence[str] = (),
    unset: Sequence[str] = (),
) -> PretrainingRecipe:
    """A pretraining recipe of the package by its name, or one in a TOML file.

    settings, unset: as of `recipe.read_recipe`. Raises RecipeError with all mistakes.
    """
    values = resolved(recipe, settings, unset)
    if "windows" not in values and "data" in values:
        problem = "trains on labelled proteins; it is a recipe for 'peft-sp train'"
        raise RecipeError(str(recipe), [problem])
    return validated(PretrainingRecipe, str(recipe), values)


def portable(recipe: PretrainingRecipe) -> PretrainingRecipe:
    """A recipe with names in place of absolute paths: where things lie is nobody's business."""
    own = recipe.windows
    files = {
        "unlabelled": tuple(map(_portable, own.unlabelled)),
        "exclude": tuple(map(_portable, own.exclude)),
    }
    changes = {"backbone": _portable(recipe.backbone), "windows": own.model_copy(update=files)}
    return recipe.model_copy(update=changes)


def _portable(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path


def as_toml(recipe: PretrainingRecipe) -> str:
    """A recipe with all that it inherits and all defaults, as a TOML file without a base."""
    return recipe_files.as_toml(recipe.model_dump(mode="json"))
