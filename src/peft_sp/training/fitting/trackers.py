"""Programs that a run can be followed in: TensorBoard, Weights & Biases, MLflow.

As with the `transformers` Trainer, whose callbacks these are; none is loaded unless asked for.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from peft_sp.errors import MissingExtraError, OptionError

TENSORBOARD, WANDB, MLFLOW = "tensorboard", "wandb", "mlflow"
NAMES = (TENSORBOARD, WANDB, MLFLOW)
FOLDER = "tensorboard"
"""Where TensorBoard's files are, in the model's directory."""
# What these packages tell their makers of their users, whatever they are used for.
_NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}


def check(names: Iterable[str]) -> tuple[str, ...]:
    """The names of trackers, each once; "none" stands for none at all.

    Raises OptionError for a name that is none of them, MissingExtraError where one is not
    installed.
    """
    found = tuple(dict.fromkeys(name for name in names if name != "none"))
    for name in found:
        if name not in NAMES:
            raise OptionError(f"a run is reported to {', '.join(NAMES)} or none, not to '{name}'")
        for key, value in _NO_TELEMETRY.items():
            os.environ.setdefault(key, value)
        try:
            package = importlib.import_module(name)
        except ImportError as error:
            raise MissingExtraError(f"reporting to {name}", name, error.name) from None
        if getattr(package, "__file__", None) is None:  # a folder of this name, as wandb makes
            raise MissingExtraError(f"reporting to {name}", name, name)
    return found


@dataclass(frozen=True)
class Trackers:
    """What is told of one run. names: see `check`; run: what they call it; directory: of its
    model, for TensorBoard's files; the others have their own settings for that.
    """

    names: tuple[str, ...]
    run: str
    directory: Path

    def callbacks(self) -> list[TrainerCallback]:
        """The library's callbacks, new for this run."""
        from transformers.integrations import integration_utils

        of: dict[str, Any] = {
            TENSORBOARD: integration_utils.TensorBoardCallback,
            WANDB: integration_utils.WandbCallback,
            MLFLOW: integration_utils.MLflowCallback,
        }
        made = [of[name]() for name in self.names]
        for callback in made:
            if isinstance(callback, integration_utils.TensorBoardCallback):
                callback.logging_dir = callback.logging_dir or str(self.directory / FOLDER)
        return made

    def finish(self) -> None:
        """End the run, so that the next one of this process is one of its own."""
        if WANDB in self.names:
            importlib.import_module(WANDB).finish()
