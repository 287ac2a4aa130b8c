"""A whole training run: recipe in, model directory out."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers

from peft_sp.errors import OutputError
from peft_sp.io.labelled import data_hash
from peft_sp.io.models import CONFIG
from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.training.card import card, cross_validated, figures, table
from peft_sp.training.recipe import Recipe
from peft_sp.training.trainer import Progress, Trained, train
from peft_sp.version import __version__

CHECKPOINTS = "checkpoints"


def run(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    progress: Progress | None = None,
    measured: dict[str, Any] | None = None,
) -> Trained:
    """Train a recipe and write the model's directory.

    The epochs' checkpoints are inside until it is whole. measured: figures of a
    cross-validation of the same recipe, for `config.json` and the card. Raises what
    `trainer.train` raises,
    and OutputError for a directory that already holds a model.
    """
    place = Path(directory)
    if (place / CONFIG).exists():
        shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
        raise OutputError(f"{place} already holds a model; give another directory or remove it")
    trained = train(recipe, place / CHECKPOINTS, progress=progress)
    metrics = {
        name: figures(scores)
        for name, scores in (("validation", trained.validation), ("test", trained.test))
        if scores is not None
    }
    if measured is not None:
        metrics["cross_validation"] = {
            key: measured[key] for key in ("protocol", "pooled", "restricted")
        }
    if trained.writes:
        card = _card(recipe, trained, measured)
        save_checkpoint(place, trained.model, recipe, about(recipe, metrics), card)
        shutil.rmtree(place / CHECKPOINTS)
    return trained


def about(recipe: Recipe, metrics: dict[str, Any]) -> dict[str, Any]:
    """What `config.json` says beside the network's settings."""
    return {
        "name": recipe.name,
        "description": recipe.description,
        "licence": recipe.licence,
        "metrics": metrics,
        "made": {
            "recipe": recipe.model_dump(mode="json", exclude={"data", "partitions"}),
            "partitions": recipe.partitions.model_dump(mode="json"),
            "data": Path(recipe.data).name,
            "data_sha256": data_hash(recipe.data),
            "peft_sp": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    }


def _card(recipe: Recipe, trained: Trained, measured: dict[str, Any] | None) -> str:
    parts = recipe.partitions
    learned = ", ".join(map(str, parts.train))
    sections = [
        (
            "Training",
            f"Partitions {learned} of `{Path(recipe.data).name}` (SHA-256 "
            f"{data_hash(recipe.data)[:16]}...), seed {recipe.seed}; the whole recipe is in "
            f"`config.json`. To train it again: `peft-sp train recipes/{recipe.name}.toml "
            f"--set data={Path(recipe.data).name} -o {recipe.name}-again`.",
        )
    ]
    if trained.validation is not None:
        body = f"Partition {parts.validation}, by which the epoch was chosen.\n\n"
        sections.append(("Validation", body + table(figures(trained.validation))))
    if trained.test is not None:
        body = f"Partition {parts.test}, never seen in training.\n\n"
        sections.append(("Test", body + table(figures(trained.test))))
    if measured is not None:
        sections.append(("Accuracy", cross_validated(measured)))
    return card(recipe.name, recipe.description, sections)
