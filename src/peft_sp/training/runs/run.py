"""A whole training run: recipe in, model directory out."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
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
from peft_sp.io.registry.accuracy import SUMMARY_METRICS
from peft_sp.io.registry.learned import record
from peft_sp.io.registry.lookup import CONFIG, ONNX
from peft_sp.io.registry.migrations import with_current_names
from peft_sp.io.registry.model_config import (
    Calibration,
    CrossValidatedFigures,
    DistillationSources,
    Made,
    Metrics,
    ModelConfig,
    Parameters,
    RemainderSource,
    SourceFile,
    UsedPartitions,
)
from peft_sp.io.results.directories import refuse_foreign_directory, refuse_foreign_file
from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.network.encoders.quantization import count_parameters
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.training.evaluation.evaluate import evaluate
from peft_sp.training.evaluation.run_card import run_card
from peft_sp.training.evaluation.temperatures import fit_calibration
from peft_sp.training.fitting.checkpoints import discard, refuse_foreign_checkpoints
from peft_sp.training.fitting.history import CURVES
from peft_sp.training.fitting.precision import refuse_precision
from peft_sp.training.fitting.processes import (
    is_first_process,
    meet,
    process_count,
    refuse_division,
)
from peft_sp.training.fitting.progress import Progress
from peft_sp.training.fitting.provenance import commit
from peft_sp.training.fitting.repeat import command
from peft_sp.training.fitting.trackers import Trackers, check
from peft_sp.training.fitting.trainer import HeldOut, Trained, train
from peft_sp.training.inputs import Split, TrainingInputs, read_inputs
from peft_sp.training.recipe import APART, NOT_RECORDED, Recipe
from peft_sp.version import __version__

CHECKPOINTS = "checkpoints"


def run(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    inputs: TrainingInputs | None = None,
    *,
    progress: Progress | None = None,
    measured: dict[str, Any] | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    report_to: Sequence[str] = (),
) -> HeldOut:
    """Train a recipe, write the model's directory, and return how it does on held-out proteins.

    The epochs' checkpoints are inside until it is whole. inputs: what the recipe names, read
    here where not given. measured: figures of a cross-validation of the same recipe, for
    `config.json` and the card, and its temperatures for the probabilities; without one a
    validation partition gives them, if there is one. progress, activation_cache: see
    `trainer.train`. report_to: see `trackers.check`, which may raise. Raises what `read_inputs`
    and `trainer.train` raise, and OutputError for a directory that holds a model, or something
    else than a run.
    """
    directory, report_to = Path(directory), check(report_to)
    check_start(recipe, directory)
    split = (inputs or read_inputs(recipe)).split(recipe.partitions)
    if recipe.members > 1:
        return _run_members(
            recipe,
            split,
            directory,
            progress=progress,
            measured=measured,
            activation_cache=activation_cache,
            report_to=report_to,
        )
    trained = train(
        recipe,
        split,
        directory / CHECKPOINTS,
        progress,
        activation_cache,
        trackers=Trackers(report_to, f"{recipe.name}, {directory.name}", directory),
    )
    if trained.writes:
        model = trained.model
        fitted = sum(p.numel() for group in model.parameter_groups() for p in group)
        parameters = Parameters(fitted, count_parameters(model))
        titles = {metric.name: metric.title for metric in SUMMARY_METRICS}
        drawn = [CURVES] if trained.history.write(directory, titles) else []
        content = model_config_of(recipe, split, trained, measured, parameters)
        content = replace(content, made=replace(content.made, **_circumstances(recipe, trained)))
        text = run_card(
            recipe, split, trained, measured, directory, made=content.made, pictures=drawn
        )
        if recipe.student is not None:
            # For prediction without torch. Before `config.json`, which makes a directory a model.
            export_onnx(model, directory / ONNX)
        save_checkpoint(directory, model, recipe, content, text)
        discard(directory / CHECKPOINTS)
    return trained


def check_start(recipe: Recipe, directory: str | os.PathLike[str]) -> None:
    """What can keep a run from starting, as far as it is known before anything is read.

    Raises OutputError for a directory that cannot be written or that holds a model or something
    else than a run, RecipeError for numbers that the device does not have.
    """
    directory = Path(directory)
    refuse_precision(recipe.name, "optimisation.precision", recipe.optimisation.precision)
    refuse_division(recipe.name, recipe.optimisation.batch_size, recipe.backbone_precision)
    if (directory / CONFIG).exists():
        discard(directory / CHECKPOINTS)
        raise OutputError(f"{directory} already holds a model; give another directory or remove it")
    refuse_foreign_directory(directory, CHECKPOINTS, "member-*")
    refuse_foreign_checkpoints(directory / CHECKPOINTS)
    refuse_foreign_file(directory / "README.md", f"# {recipe.name}\n")


def _run_members(
    recipe: Recipe,
    split: Split,
    directory: Path,
    *,
    progress: Progress | None,
    measured: dict[str, Any] | None,
    activation_cache: str | os.PathLike[str] | None,
    report_to: Sequence[str],
) -> HeldOut:
    """Train an ensemble's networks, one after the other; those that are whole stay as they are."""
    names = [f"member-{number}" for number in range(1, recipe.members + 1)]
    backends = []
    configs: list[ModelConfig] = []
    for number, name in enumerate(names):
        own = recipe.member(number)
        if (directory / name / CONFIG).exists():
            check_made(directory / name, own, split)
        else:
            run(
                own,
                directory / name,
                split.inputs,
                progress=progress,
                activation_cache=activation_cache,
                report_to=report_to,
            )
            meet()  # the first process has written it
        backends.append(load(directory / name, backbone=recipe.backbone).backend)
        configs.append(ModelConfig.read(directory / name))
    ensemble = EnsembleBackend(backends)
    held_out = HeldOut(
        evaluate(ensemble, split.validation) if split.validation else None,
        evaluate(ensemble, split.test) if split.test else None,
    )
    # The backbone is one, however many there are that adapt it.
    parts = [config.parameters for config in configs if config.parameters is not None]
    added = sum(part.all if recipe.backbone is None else part.trained for part in parts[1:])
    parameters = Parameters(sum(part.trained for part in parts), parts[0].all + added)
    content = model_config_of(recipe, split, held_out, measured, parameters)
    made = replace(content.made, **_circumstances(recipe, [config.made for config in configs]))
    content = replace(content, made=made)
    drawn = [f"{name}/{CURVES}" for name in names if (directory / name / CURVES).exists()]
    text = run_card(recipe, split, held_out, measured, directory, made=made, pictures=drawn)
    if is_first_process():
        write_text(directory / "README.md", text)
        replace(content, members=tuple(names), backbone=configs[0].backbone).write(directory)
    return held_out


def comparable_settings(values: dict[str, Any]) -> dict[str, Any]:
    """The settings that must be equal of two runs of a recipe on different partitions.

    Options that came after the run have the value that they have when left out, renamed ones go
    by their present names. What a run is called decides nothing.
    """
    current = with_current_names(values)
    own = {key: value for key, value in current.items() if key not in APART}
    # Where things lie is no setting; what they are is compared by hash.
    if own.get("distillation") is not None:
        paths = {"teachers": ["-"], "unlabelled": ["-"], "teacher_backbone": None}
        own["distillation"] = {**own["distillation"], **paths}
    if own.get("remainder") is not None:
        own["remainder"] = {**own["remainder"], "data": "-", "homology": "-"}
    backbone = "-" if own.get("student") is None else None
    try:
        full = Recipe.model_validate({**own, "name": "-", "data": "-", "backbone": backbone})
    except ValidationError:
        return own
    return full.model_dump(mode="json", exclude=set(APART))


def check_made(model: Path, recipe: Recipe, split: Split) -> ModelConfig:
    """The settings of a finished model, refused if it is not what the recipe would make.

    Raises OutputError for other settings, partitions, data, backbone or teachers.
    """
    config = ModelConfig.read(model)
    made, wanted = config.made, recipe.model_dump(mode="json")
    same = (
        comparable_settings(dict(made.recipe or {})) == comparable_settings(wanted)
        and made.partitions.to_json() == wanted["partitions"]
        and made.data_sha256 == split.inputs.data_sha256
        and (config.backbone and config.backbone.sha256) == split.inputs.backbone_sha256
        and made.distillation == _distillation(split)
        and made.remainder == _remainder(split)
    )
    if not same:
        raise OutputError(f"{model} holds a model of another recipe; give another directory")
    if config.parameters is None:
        raise OutputError(f"{model} was made by an earlier version; remove it to train it anew")
    return config


def _calibration(
    recipe: Recipe, held_out: HeldOut, measured: dict[str, Any] | None
) -> Calibration | None:
    """The temperatures of the probabilities; None where there is nothing to fit them on."""
    # Temperatures of all out-of-fold predictions have seen the labels of every partition.
    if measured is not None and "calibration" in measured and recipe.partitions.test is None:
        return Calibration.of(measured["calibration"]["pooled"], "calibration.pooled")
    if held_out.validation is not None:
        fitted_on = f"validation partition {recipe.partitions.validation}"
        return fit_calibration(held_out.validation).calibration(fitted_on)
    return None


def model_config_of(
    recipe: Recipe,
    split: Split,
    held_out: HeldOut,
    measured: dict[str, Any] | None,
    parameters: Parameters,
) -> ModelConfig:
    """What `config.json` holds beside the network's settings."""
    validation, test = held_out.validation, held_out.test
    cross_validation = None
    if measured is not None:
        block = {key: measured.get(key) for key in ("protocol", "pooled", "restricted")}
        cross_validation = CrossValidatedFigures.of(block, "cross_validation")
    partitions = split.partitions
    return ModelConfig(
        name=recipe.name,
        description=recipe.description,
        licence=recipe.licence,
        metrics=Metrics(
            validation=None if validation is None else validation.scores.figures,
            test=None if test is None else test.scores.figures,
            cross_validation=cross_validation,
        ),
        parameters=parameters,
        calibration=_calibration(recipe, held_out, measured),
        made=Made(
            recipe=recipe.model_dump(mode="json", exclude=NOT_RECORDED),
            partitions=UsedPartitions(partitions.train, partitions.validation, partitions.test),
            distillation=_distillation(split),
            remainder=_remainder(split),
            data=Path(split.inputs.data).name,
            data_sha256=split.inputs.data_sha256,
            peft_sp=__version__,
            torch=str(torch.__version__),
            transformers=transformers.__version__,
            python=platform.python_version(),
            trained_windows=record(p.sequence for p in split.train),
        ),
    )


def _distillation(split: Split) -> DistillationSources | None:
    """The teachers and unlabelled proteins of a distilled model, None without teachers."""
    if not split.teachers:
        return None
    unlabelled = split.inputs.unlabelled
    return DistillationSources(
        tuple(teacher.record for teacher in split.teachers),
        tuple(SourceFile(Path(file.path).name, file.sha256) for file in unlabelled),
    )


def _remainder(split: Split) -> RemainderSource | None:
    """What of the remainder the model is trained on, None without one."""
    if (own := split.inputs.remainder) is None:
        return None
    return RemainderSource(
        file=Path(own.file).name,
        sha256=own.sha256,
        homology_sha256=own.homology_sha256,
        apart_from=tuple(sorted(split.partitions.held_out)),
        proteins=split.remainder_count,
    )


def _circumstances(recipe: Recipe, trained: Trained | Sequence[Made]) -> dict[str, Any]:
    """The fields of `Made` that say how, where and by what a network or its members were made."""
    options = recipe.optimisation
    if isinstance(trained, Trained):
        world, devices, durations = trained.processes, [trained.device], [trained.seconds]
    else:
        world, devices = process_count(), [made.device for made in trained if made.device]
        durations = [made.duration for made in trained if made.duration is not None]
    return {
        "command": command(recipe, world),
        "world_size": world,
        "global_batch_size": options.batch_size * options.accumulation,
        "device": ", ".join(dict.fromkeys(devices)),
        "duration": round(sum(durations), 1),
        "commit": commit(),
    }
