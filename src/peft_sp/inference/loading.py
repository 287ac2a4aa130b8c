"""From a model's name or directory to a predictor that runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from peft_sp.errors import MissingExtraError, ModelError
from peft_sp.inference.backends import Backend, EnsembleBackend, OnnxBackend, TorchBackend
from peft_sp.io.registry import lookup

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbones
from peft_sp.inference.predictor import Predictor


def load(
    model: str | os.PathLike[str] | lookup.Model = lookup.DEFAULT,
    *,
    device: str = "auto",
    threads: int | None = None,
    backbone: str | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> Predictor:
    """A predictor from a model's name, directory or hub id.

    Exported models run on ONNX Runtime without torch; others need `peft-sp[train]` and their
    backbone, which `backbone` (name, hub id or directory) may point to. threads: of the
    processor, None for all. device: "auto", "cpu" or "cuda"; precision: what is computed in; both
    for models on torch; exported ones run on the CPU in float32 and take neither.

    Raises ModelError where the model cannot be found, read or run so, and MissingExtraError.
    """
    directory = lookup.locate(model)
    config = lookup.read_config(directory)
    if backbone is not None and "backbone" not in config:
        raise ModelError(f"model '{model}' has no backbone; leave out --backbone")
    place = _Place(device, threads, backbone, precision)
    found = _backend(directory, config, place)
    found.scores = replace(found.scores, temperature=lookup.temperature(config))
    return Predictor(found, config)


@dataclass
class _Place:
    """Where a model runs; `backbones` are those that its networks have read so far."""

    device: str
    threads: int | None
    backbone: str | None
    precision: str = "float32"
    backbones: Backbones | None = None


def _backend(directory: Path, config: dict[str, Any], place: _Place) -> Backend:
    exported = directory / lookup.ONNX
    if names := lookup.members(config):
        parts = [lookup.locate(directory / name) for name in names]
        return EnsembleBackend([_backend(part, lookup.read_config(part), place) for part in parts])
    if not exported.is_file():
        return _torch_backend(directory, place)
    if place.device not in ("auto", "cpu"):
        raise ModelError(f"model '{directory}' is exported for the CPU; leave out --device")
    if place.precision != "float32":
        raise ModelError(
            f"model '{directory}' is exported and computes in float32; leave out --precision"
        )
    if place.backbone is not None:
        raise ModelError(
            f"model '{directory}' is exported, its backbone included; leave out --backbone"
        )
    return OnnxBackend(exported, place.threads, lookup.batch_size(config))


def _torch_backend(directory: Path, place: _Place) -> TorchBackend:
    try:
        import torch

        from peft_sp.network.backbone import Backbones
        from peft_sp.network.checkpoint import load_checkpoint
    except ImportError as error:
        raise MissingExtraError(f"{directory}", "train", error.name) from None
    device = place.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise ModelError("this machine has no CUDA device; use --device cpu")
    if place.threads is not None:
        torch.set_num_threads(place.threads)
    place.backbones = place.backbones or Backbones()
    model = load_checkpoint(directory, place.backbone, place.backbones)
    return TorchBackend(model, device, place.precision)
