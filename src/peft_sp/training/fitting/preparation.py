"""What a run trains, and what on: the network and its windows, and what is computed once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from peft_sp.network.activation_cache import cache_untouched_layers
from peft_sp.network.backbone import Backbone
from peft_sp.network.encoders.sharding import shard
from peft_sp.network.model import SignalPeptideModel, build_model, seed_everything
from peft_sp.training.dataset import LabelledWindows
from peft_sp.training.distillation.dataset import distilled_windows
from peft_sp.training.fitting.batches import Windows
from peft_sp.training.fitting.processes import first_process_first, shards_are_asked_for
from peft_sp.training.fitting.progress import Phase, Progress, Report
from peft_sp.training.inputs import Split
from peft_sp.training.recipe import Recipe


def network_and_windows(
    recipe: Recipe,
    split: Split,
    directory: Path,
    activation_cache: str | os.PathLike[str] | None,
    progress: Progress | None,
) -> tuple[SignalPeptideModel, Windows]:
    """What is trained and what on. The first process stores what the others look up."""
    seed_everything(recipe.seed)
    model = build_model(recipe, split.inputs.backbones)
    with first_process_first():
        windows = _windows(recipe, split, activation_cache or directory, progress)
        if activation_cache is not None:
            _cache_untouched(model, recipe, split, activation_cache, progress)
    if shards_are_asked_for():
        shard(model, model.encoder.layers if isinstance(model.encoder, Backbone) else ())
    return model, windows


def _cache_untouched(
    model: SignalPeptideModel,
    recipe: Recipe,
    split: Split,
    directory: str | os.PathLike[str],
    progress: Progress | None,
) -> None:
    """Have the output of layers that nothing changes looked up, where windows never vary."""
    options = recipe.optimisation
    stored = options.cache_activations and not any(options.augmentation)
    if stored and isinstance(model.encoder, Backbone):
        counted = _counted("frozen layers", progress)
        cache_untouched_layers(model, split.residues.numpy(), directory, progress=counted)


def _windows(
    recipe: Recipe, split: Split, directory: str | os.PathLike[str], progress: Progress | None
) -> Windows:
    """Labelled windows, or a student's with its teachers' answers, stored in `directory`."""
    labelled = LabelledWindows(split.train_table, *recipe.optimisation.augmentation)
    if recipe.distillation is None:
        return labelled
    return distilled_windows(
        labelled,
        split,
        recipe.distillation,
        recipe.seed,
        directory,
        progress=_counted("teachers", progress),
    )


def _counted(phase: Phase, progress: Progress | None) -> Callable[[int, int], None]:
    """What a count of done and all windows is reported by."""

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(Report(phase, done, total))

    return report
