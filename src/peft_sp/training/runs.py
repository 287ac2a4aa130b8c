"""A whole training run: recipe in, model directory out."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch
import transformers

from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.training.card import card, figures, table
from peft_sp.training.recipe import Recipe
from peft_sp.training.trainer import Progress, Trained, train
from peft_sp.version import __version__

CHECKPOINTS = "checkpoints"


def run(
    recipe: Recipe, directory: str | os.PathLike[str], progress: Progress | None = None
) -> Trained:
    """Train a recipe and write the model's directory, its epochs' checkpoints inside.

    Raises what `trainer.train` raises.
    """
    place = Path(directory)
    trained = train(recipe, place / CHECKPOINTS, progress=progress)
    measured = {
        name: figures(scores)
        for name, scores in (("validation", trained.validation), ("test", trained.test))
        if scores is not None
    }
    save_checkpoint(place, trained.model, recipe, about(recipe, measured))
    (place / "README.md").write_text(_card(recipe, trained), encoding="utf-8")
    return trained


def about(recipe: Recipe, measured: dict[str, Any]) -> dict[str, Any]:
    """What `config.json` says beside the network's settings."""
    return {
        "name": recipe.name,
        "description": recipe.description,
        "licence": recipe.licence,
        "metrics": measured,
        "made": {
            "recipe": recipe.model_dump(mode="json", exclude={"data"}),
            "data": Path(recipe.data).name,
            "peft_sp": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    }


def _card(recipe: Recipe, trained: Trained) -> str:
    parts = recipe.partitions
    learned = ", ".join(map(str, parts.train))
    sections = [
        (
            "Training",
            f"Partitions {learned} of `{Path(recipe.data).name}`; seed {recipe.seed}; the whole "
            "recipe is in `config.json`.",
        )
    ]
    if trained.validation is not None:
        body = f"Partition {parts.validation}, by which the epoch was chosen.\n\n"
        sections.append(("Validation", body + table(trained.validation)))
    if trained.test is not None:
        body = f"Partition {parts.test}, never seen in training.\n\n"
        sections.append(("Test", body + table(trained.test)))
    return card(recipe.name, recipe.description, sections)
