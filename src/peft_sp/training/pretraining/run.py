"""A whole pretraining run: recipe in, backbone directory out."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import transformers

from peft_sp.errors import OutputError
from peft_sp.io.atomic import publish, staging
from peft_sp.io.labelled import data_hash
from peft_sp.io.registry.checksums import MANIFEST, digest
from peft_sp.io.results.directories import refuse_foreign_directory, refuse_foreign_file
from peft_sp.network.backbone import weights_hash
from peft_sp.training.fitting.history import CURVES, HISTORY, History
from peft_sp.training.fitting.precision import refuse_precision
from peft_sp.training.fitting.progress import Progress
from peft_sp.training.fitting.provenance import commit, device_name
from peft_sp.training.pretraining import checkpoint
from peft_sp.training.pretraining.card import card
from peft_sp.training.pretraining.loop import Loop
from peft_sp.training.pretraining.model import MaskedResidueModel
from peft_sp.training.pretraining.recipe import PretrainingRecipe, as_toml, portable
from peft_sp.training.pretraining.windows import PretrainingWindows, random_stream, read_windows
from peft_sp.version import __version__

RECORD = "pretraining.json"
"""What is known of a finished run, beside the backbone."""
RECIPE = "recipe.toml"
"""The recipe with names of files in place of paths, to be run again."""
_PATHS: Any = {"backbone": True, "windows": {"unlabelled", "exclude"}}
"""Options of a recipe in place of which hashes are recorded."""


def pretrain(
    recipe: PretrainingRecipe,
    directory: str | os.PathLike[str],
    *,
    announce: Callable[[PretrainingWindows], None] | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    minutes: float = 10.0,
) -> dict[str, Any] | None:
    """Train a backbone on hidden residues; the record of the run, None where it was stopped.

    A run that was stopped or killed goes on from its last checkpoint, with the same result as
    one that was not. announce: gets the windows; progress: reports of steps and figures; minutes:
    between checkpoints.

    Raises InputError for unusable data, ModelError for an impossible backbone, OutputError where
    `directory` belongs to another run.
    """
    target = Path(directory)
    check_start(recipe, target)
    windows = read_windows(
        recipe.windows.unlabelled, recipe.windows.exclude, recipe.windows.held_out, recipe.seed
    )
    if announce is not None:
        announce(windows)
    stream = random_stream(recipe.seed, "network")
    torch.manual_seed(int(stream.integers(2**63)))  # of a head that the backbone lacks
    model = MaskedResidueModel(recipe.backbone)
    settings = {
        "recipe": recipe.model_dump(mode="json", exclude=_PATHS),
        "windows_sha256": windows.sha256,
        "backbone_sha256": weights_hash(model.backbone.network),
    }
    if (finished := _finished(target, settings)) is not None:
        return finished
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    loop = Loop(model, windows, recipe, target, settings)
    try:
        whole = loop.run(progress, stop, minutes)
    finally:
        _write_history(target, loop)
    if not whole:
        return None
    return _publish(target, loop, settings)


def check_start(recipe: PretrainingRecipe, target: Path) -> None:
    """What can keep a run from starting, as far as it is known before anything is read.

    Raises OutputError for a directory that cannot be written or holds something else than a run,
    RecipeError for numbers that the device does not have.
    """
    refuse_precision(recipe.name, "fitting.precision", recipe.fitting.precision)
    refuse_foreign_directory(target, checkpoint.FILE, RECORD, HISTORY, CURVES)
    refuse_foreign_file(target / "README.md", "---\nlicense: ")


def _finished(target: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The record of the same run where it has been finished, None where it has not.

    Raises OutputError where the directory belongs to another run or to something else.
    """
    record: dict[str, Any] | None = None
    if (target / RECORD).is_file():
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    before = checkpoint.read_settings(target) if record is None else record
    if before is None:
        own = (HISTORY, CURVES)
        if target.is_dir() and any(path.name not in own for path in target.iterdir()):
            raise OutputError(f"{target}: is not an empty directory; give another one")
        return None
    differing = [key for key, value in settings.items() if before.get(key) != value]
    if differing == ["recipe"]:
        differing = _differing(before["recipe"], settings["recipe"])
    if differing:
        raise OutputError(
            f"{target} holds a run with another {', '.join(differing)}; give another directory, "
            "or remove it to start anew"
        )
    return record


def _differing(before: dict[str, Any], now: dict[str, Any], above: str = "") -> list[str]:
    """Options, as "fitting.epochs", whose values differ."""
    found = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differing(old, new, f"{above}{key}.")
        elif old != new:
            found.append(above + key)
    return found


def _write_history(target: Path, loop: Loop) -> None:
    """The learning curves up to here, with the perplexity of each group."""
    history = loop.position.history
    if history:
        groups = ("", *(f"_{group}" for group in sorted(set(loop.windows.groups))))
        titles = {f"perplexity{group}": group.removeprefix("_") or "all" for group in groups}
        History.of(history).write(target, titles, "perplexity of held-out windows")


def _publish(target: Path, loop: Loop, settings: dict[str, Any]) -> dict[str, Any]:
    """Write the backbone's files, the record last, and take the checkpoint away."""
    recipe, model, position = loop.recipe, loop.model, loop.position
    record = {
        **settings,
        "files": [
            {"name": Path(path).name, "sha256": data_hash(path), "excluded": excluded}
            for paths, excluded in (
                (recipe.windows.unlabelled, False),
                (recipe.windows.exclude, True),
            )
            for path in paths
        ],
        "source": portable(recipe).backbone,
        "windows": asdict(loop.windows.counts),
        "own_head": model.own_head,
        "result_sha256": weights_hash(model.backbone.network),
        "steps": position.step,
        "seconds": round(position.seconds, 1),
        "device": device_name(model.device),
        "commit": commit(),
        "versions": {
            "peft_sp": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        "figures": {k: v for k, v in position.history[-1].items() if k.startswith("eval_")},
    }
    with staging(target / RECORD) as folder:
        model.cpu().save(folder)
        (folder / RECIPE).write_text(as_toml(portable(recipe)), encoding="utf-8")
        (folder / "README.md").write_text(card(recipe, record), encoding="utf-8")
        written = sorted(path.name for path in folder.iterdir())
        sums = "".join(f"{digest(folder / name)}  {name}\n" for name in written)
        (folder / MANIFEST).write_text(sums, encoding="utf-8")
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        for name in (*written, MANIFEST, RECORD):
            publish(folder / name, target / name)
        (target / checkpoint.FILE).unlink(missing_ok=True)
    return record
