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
from peft_sp.network.model import SignalPeptideModel
from peft_sp.training.calibration import fit_temperature
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
    kept: str | os.PathLike[str] | None = None,
) -> Trained:
    """Train a recipe and write the model's directory.

    The epochs' checkpoints are inside until it is whole. measured: figures of a
    cross-validation of the same recipe, for `config.json` and the card, and its temperature
    for the probabilities; without one a validation partition gives it, if there is one.
    kept: see `trainer.train`. Raises what `trainer.train` raises, and OutputError for a
    directory that already holds a model.
    """
    place = Path(directory)
    if (place / CONFIG).exists():
        shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
        raise OutputError(f"{place} already holds a model; give another directory or remove it")
    trained = train(recipe, place / CHECKPOINTS, progress=progress, kept=kept)
    metrics = {
        name: figures(examination.scores)
        for name, examination in (("validation", trained.validation), ("test", trained.test))
        if examination is not None
    }
    calibration = _calibration(recipe, trained, measured)
    if measured is not None:
        metrics["cross_validation"] = {
            key: measured[key] for key in ("protocol", "pooled", "restricted")
        }
    if trained.writes:
        card = _card(recipe, trained, measured)
        content = {**about(recipe, metrics, trained.model), **calibration}
        save_checkpoint(place, trained.model, recipe, content, card)
        shutil.rmtree(place / CHECKPOINTS)
    return trained


def _calibration(
    recipe: Recipe, trained: Trained, measured: dict[str, Any] | None
) -> dict[str, Any]:
    """The part of `config.json` that says how sure the model may be; empty if nothing tells."""
    # A temperature of all out-of-fold predictions has seen the labels of every partition.
    if measured is not None and "calibration" in measured and recipe.partitions.test is None:
        found = measured["calibration"]["pooled_temperature"]
        return calibration(found, "out-of-fold predictions of a cross-validation")
    if trained.validation is not None:
        outcomes = trained.validation.outcomes
        found = fit_temperature(outcomes.probabilities, outcomes.true_type)
        return calibration(found, f"validation partition {recipe.partitions.validation}")
    return {}


def calibration(temperature: float, fitted_on: str) -> dict[str, Any]:
    """A temperature as `config.json` has it."""
    return {"calibration": {"temperature": round(temperature, 6), "fitted_on": fitted_on}}


def about(recipe: Recipe, metrics: dict[str, Any], model: SignalPeptideModel) -> dict[str, Any]:
    """What `config.json` says beside the network's settings."""
    trained = sum(p.numel() for group in model.parameter_groups() for p in group)
    return {
        "name": recipe.name,
        "description": recipe.description,
        "licence": recipe.licence,
        "metrics": metrics,
        "parameters": {"trained": trained, "all": sum(p.numel() for p in model.parameters())},
        "made": {
            "recipe": recipe.model_dump(mode="json", exclude={"data", "partitions", "search"}),
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
        sections.append(("Validation", body + table(figures(trained.validation.scores))))
    if trained.test is not None:
        body = f"Partition {parts.test}, never seen in training.\n\n"
        sections.append(("Test", body + table(figures(trained.test.scores))))
    if measured is not None:
        sections.append(("Accuracy", cross_validated(measured)))
    return card(recipe.name, recipe.description, sections)
