"""Figures of a cross-validation for a model that was trained before they were known."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft_sp.errors import OutputError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.lookup import CONFIG
from peft_sp.training.evaluation.run_card import run_card
from peft_sp.training.fitting.history import CURVES
from peft_sp.training.fitting.trainer import HeldOut
from peft_sp.training.inputs import Split
from peft_sp.training.recipe import Recipe
from peft_sp.training.runs.run import check_made, model_config_of


def is_finished(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory holds a whole model."""
    return Path(directory, CONFIG).is_file()


def add_figures(
    recipe: Recipe, split: Split, directory: str | os.PathLike[str], measured: dict[str, Any]
) -> HeldOut:
    """Give a finished model the figures and temperatures of a cross-validation of its recipe.

    Its card and `config.json` are written anew, with the recipe's licence and description; the
    network stays as it is. Raises OutputError for a model of another recipe, or one that keeps
    proteins apart, whose own figures these are not.
    """
    directory = Path(directory)
    config = check_made(directory, recipe, split)
    if not split.holds_nothing_out:
        raise OutputError(
            f"{directory} holds a model that was tested on proteins of its own; figures of a "
            "cross-validation are for one that was trained on everything"
        )
    nothing = HeldOut(None, None)
    assert config.parameters is not None  # or `check_made` had refused it
    content = model_config_of(recipe, split, nothing, measured, config.parameters)
    content = replace(
        config,
        name=content.name,
        description=content.description,
        licence=content.licence,
        metrics=content.metrics,
        calibration=content.calibration,
    )
    parts = [directory / name for name in config.members] or [directory]
    drawn = [
        str((part / CURVES).relative_to(directory)) for part in parts if (part / CURVES).exists()
    ]
    text = run_card(recipe, split, nothing, measured, directory, made=config.made, pictures=drawn)
    write_text(directory / "README.md", text)
    content.write(directory)
    return nothing
