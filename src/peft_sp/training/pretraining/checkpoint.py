"""Checkpoints of a pretraining run: one safetensors file, which appears whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from peft_sp.errors import ModelError
from peft_sp.io.atomic import publish, staging

FILE = "checkpoint.safetensors"
_PARAMETER, _STATE = "parameter", "optimiser"


@dataclass
class Position:
    """How far a run has come. Order and masks follow from the step alone.

    losses: sum and number of the losses since the last entry of the history.
    """

    step: int = 0
    seconds: float = 0.0
    losses: tuple[float, int] = (0.0, 0)
    history: list[dict[str, float]] = field(default_factory=list)


def save(
    directory: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    position: Position,
    settings: Mapping[str, Any],
) -> None:
    """Write a run's checkpoint in place of the one before. Raises OutputError."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        tensors[f"{_PARAMETER}/{name}"] = parameter.detach()
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{_STATE}/{key}/{name}"] = value
    metadata = {"position": json.dumps(asdict(position)), "settings": json.dumps(settings)}
    with staging(directory / FILE) as folder:
        save_file({k: t.contiguous() for k, t in tensors.items()}, folder / FILE, metadata)
        publish(folder / FILE, directory / FILE)


def read_settings(directory: Path) -> dict[str, Any] | None:
    """The settings of the run that left a checkpoint, None without one. Raises ModelError."""
    file = directory / FILE
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(_metadata(file)["settings"])
    return found


def restore(directory: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> Position:
    """Take up a checkpoint; the beginning without one. Raises ModelError."""
    file = directory / FILE
    if not file.exists():
        return Position()
    content = json.loads(_metadata(file)["position"])
    with safe_open(file, "pt") as tensors, torch.no_grad():
        names = list(tensors.keys())
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors.get_tensor(f"{_PARAMETER}/{name}"))
            state = {
                key.split("/")[1]: tensors.get_tensor(key)
                for key in names
                if key.startswith(f"{_STATE}/") and key.split("/", 2)[2] == name
            }
            if state:
                optimiser.state[parameter] = {
                    key: value.to(parameter.device if value.ndim else value.device)
                    for key, value in state.items()
                }
    return Position(**{**content, "losses": tuple(content["losses"])})


def _metadata(file: Path) -> dict[str, str]:
    try:
        with safe_open(file, "pt") as tensors:
            found: dict[str, str] = tensors.metadata()
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{file}: cannot be read ({error}); remove it to begin the run anew"
        ) from None
    return found
