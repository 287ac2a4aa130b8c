"""A whole training run: recipe in, model directory out."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from pydantic import ValidationError

from peft_sp.errors import OutputError
from peft_sp.inference.backends import EnsembleBackend
from peft_sp.inference.loading import load
from peft_sp.io.atomic import write_text
from peft_sp.io.labelled import data_hash, read_labelled
from peft_sp.io.registry.lookup import CONFIG, ONNX, locate
from peft_sp.io.registry.migrations import with_current_names
from peft_sp.io.registry.model_config import (
    Calibration,
    Made,
    Metrics,
    ModelConfig,
    Parameters,
    UsedPartitions,
)
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.training.distillation import teachers
from peft_sp.training.evaluation.calibration import fit_temperature
from peft_sp.training.evaluation.evaluate import examine
from peft_sp.training.evaluation.model_card import card, cross_validated, figures, table
from peft_sp.training.options import Partitions
from peft_sp.training.recipe import WHERE, Recipe
from peft_sp.training.trainer import Progress, Trained, divide, train
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
    if recipe.members > 1:
        return _run_members(recipe, place, progress, measured, kept)
    trained = train(recipe, place / CHECKPOINTS, progress=progress, kept=kept)
    assert trained.model is not None
    if trained.writes:
        model = trained.model
        learned = sum(p.numel() for group in model.parameter_groups() for p in group)
        parameters = Parameters(learned, sum(p.numel() for p in model.parameters()))
        content = about(recipe, trained, measured, parameters)
        if recipe.student is not None:
            # For prediction without torch. Before `config.json`, which makes a directory a model.
            export_onnx(model, place / ONNX)
        save_checkpoint(place, model, recipe, content, _card(recipe, trained, measured))
        shutil.rmtree(place / CHECKPOINTS)
    return trained


def _run_members(
    recipe: Recipe,
    place: Path,
    progress: Progress | None,
    measured: dict[str, Any] | None,
    kept: str | os.PathLike[str] | None,
) -> Trained:
    """Train an ensemble's networks, one after the other; those that are whole are kept."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise OutputError("an ensemble is trained in one process; give torchrun its members")
    names = [f"member-{number}" for number in range(1, recipe.members + 1)]
    backends = []
    configs: list[ModelConfig] = []
    for number, name in enumerate(names):
        own = recipe.member(number)
        if (place / name / CONFIG).exists():
            check_made(place / name, own)
        else:
            run(own, place / name, progress, kept=kept)
        backends.append(load(place / name, backbone=recipe.backbone).backend)
        configs.append(ModelConfig.read(place / name))
    _, judged, tested = divide(recipe, read_labelled(recipe.data))
    together = EnsembleBackend(backends)
    trained = Trained(
        None,
        examine(together, judged) if judged else None,
        examine(together, tested) if tested else None,
    )
    # The backbone is one, however many there are that adapt it.
    parts = [config.parameters for config in configs if config.parameters is not None]
    added = sum(part.all if recipe.backbone is None else part.trained for part in parts[1:])
    parameters = Parameters(sum(part.trained for part in parts), parts[0].all + added)
    content = about(recipe, trained, measured, parameters)
    write_text(place / "README.md", _card(recipe, trained, measured))
    replace(content, members=tuple(names), backbone=configs[0].backbone).write(place)
    return trained


def identity(values: dict[str, Any]) -> dict[str, Any]:
    """The settings that must be equal of two runs of a recipe on different partitions.

    Options that came after the run have the value that they have when left out, renamed ones go
    by their present names. What a run is called decides nothing.
    """
    apart = ("name", "licence", "partitions", "data", "description", "backbone", "search")
    current = with_current_names(values)
    own = {key: value for key, value in current.items() if key not in apart}
    # Where things lie is no setting; what they are is compared by hash.
    if own.get("distillation") is not None:
        own["distillation"] = {
            key: value
            for key, value in own["distillation"].items()
            if key not in ("teacher_backbone", "unlabelled")
        } | {"teachers": ["-"]}
    backbone = "-" if own.get("student") is None else None
    try:
        full = Recipe.model_validate({**own, "name": "-", "data": "-", "backbone": backbone})
    except ValidationError:
        return own
    return full.model_dump(mode="json", exclude=set(apart))


def sources(recipe: Recipe) -> dict[str, str | None]:
    """What the settings only name: hashes of the labelled data and of the backbone's weights."""
    backbone = None
    if recipe.backbone is not None:
        backbone = weights_hash(load_encoder(recipe.backbone))
    found = {"data_sha256": data_hash(recipe.data), "backbone_sha256": backbone}
    if recipe.distillation is not None:
        everybody = [locate(name) for name in recipe.distillation.teachers]
        found["teachers_sha256"] = teachers.teachers_hash(everybody)
    return found


def check_made(
    model: Path, recipe: Recipe, given: dict[str, str | None] | None = None
) -> ModelConfig:
    """The settings of a finished model, refused if it is not what the recipe would make.

    given: the recipe's `sources`, where they are known already. Raises OutputError for other
    settings, partitions, data or backbone.
    """
    config = ModelConfig.read(model)
    made, wanted = config.made, recipe.model_dump(mode="json")
    found = {
        "data_sha256": made.data_sha256,
        "backbone_sha256": None if config.backbone is None else config.backbone.sha256,
    }
    same = identity(dict(made.recipe or {})) == identity(wanted)
    same = same and made.partitions.to_json() == wanted["partitions"]
    if recipe.distillation is not None:
        same = same and made.distillation == teachers.about(recipe)
    expected = given or sources(recipe)
    if not same or any(found[key] != expected[key] for key in found):
        raise OutputError(f"{model} holds a model of another recipe; give another directory")
    if config.parameters is None:
        raise OutputError(f"{model} was made by an earlier version; remove it to train it anew")
    return config


def _calibration(
    recipe: Recipe, trained: Trained, measured: dict[str, Any] | None
) -> Calibration | None:
    """How sure the model may be; None where nothing tells."""
    # A temperature of all out-of-fold predictions has seen the labels of every partition.
    if measured is not None and "calibration" in measured and recipe.partitions.test is None:
        found = measured["calibration"]["pooled_temperature"]
        return calibration(found, "out-of-fold predictions of a cross-validation")
    if trained.validation is not None:
        outcomes = trained.validation.outcomes
        found = fit_temperature(outcomes.probabilities, outcomes.true_type)
        return calibration(found, f"validation partition {recipe.partitions.validation}")
    return None


def calibration(temperature: float, fitted_on: str) -> Calibration:
    """A temperature as `config.json` has it."""
    return Calibration(round(temperature, 6), fitted_on)


def about(
    recipe: Recipe,
    trained: Trained,
    measured: dict[str, Any] | None,
    parameters: Parameters,
) -> ModelConfig:
    """What `config.json` says beside the network's settings."""
    content = {
        name: figures(examination.scores)
        for name, examination in (("validation", trained.validation), ("test", trained.test))
        if examination is not None
    }
    if measured is not None:
        content["cross_validation"] = {
            key: measured[key] for key in ("protocol", "pooled", "restricted")
        }
    partitions = recipe.partitions
    return ModelConfig(
        name=recipe.name,
        description=recipe.description,
        licence=recipe.licence,
        metrics=Metrics.of(content, "metrics"),
        parameters=parameters,
        calibration=_calibration(recipe, trained, measured),
        made=Made(
            recipe=recipe.model_dump(mode="json", exclude=WHERE),
            partitions=UsedPartitions(partitions.train, partitions.validation, partitions.test),
            distillation=None if recipe.distillation is None else teachers.about(recipe),
            data=Path(recipe.data).name,
            data_sha256=data_hash(recipe.data),
            peft_sp=__version__,
            torch=str(torch.__version__),
            transformers=transformers.__version__,
            python=platform.python_version(),
        ),
    )


def _again(recipe: Recipe) -> str:
    """The command that trains a recipe once more."""
    changes = [f"data={Path(recipe.data).name}"]
    if recipe.backbone is not None:
        changes.append(f"backbone={Path(recipe.backbone).name}")
    given = recipe.partitions
    if given != Partitions():
        changes.append(f"partitions.train={json.dumps(list(given.train))}")
        for name, number in (("validation", given.validation), ("test", given.test)):
            if number is not None:
                changes.append(f"partitions.{name}={number}")
    sets = " ".join(f"--set {shlex.quote(change)}" for change in changes)
    return f"peft-sp train {recipe.name} {sets} -o {recipe.name}-again"


def _card(recipe: Recipe, trained: Trained, measured: dict[str, Any] | None) -> str:
    parts = recipe.partitions
    learned = ", ".join(map(str, parts.train))
    seeds = f"seed {recipe.seed}"
    if recipe.members > 1:
        seeds = f"{recipe.members} networks that predict together"
        if not recipe.variants:
            last = recipe.seed + recipe.members - 1
            seeds = f"{recipe.members} networks with the seeds {recipe.seed} to {last}"
    sections = [
        (
            "Training",
            f"Partitions {learned} of `{Path(recipe.data).name}` (SHA-256 "
            f"{data_hash(recipe.data)[:16]}...), {seeds}; the whole recipe is in "
            f"`config.json`. To train it again: `{_again(recipe)}`.",
        )
    ]
    if recipe.distillation is not None:
        sections.append(("Teachers", teachers.told(recipe)))
    if trained.validation is not None:
        body = f"Partition {parts.validation}, by which the epoch was chosen.\n\n"
        sections.append(("Validation", body + table(figures(trained.validation.scores))))
    if trained.test is not None:
        body = f"Partition {parts.test}, never seen in training.\n\n"
        sections.append(("Test", body + table(figures(trained.test.scores))))
    if measured is not None:
        sections.append(("Accuracy", cross_validated(measured)))
    return card(recipe.name, recipe.description, sections)
