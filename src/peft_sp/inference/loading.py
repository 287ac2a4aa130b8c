"""From a model's name or directory to a predictor that runs it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from peft_sp.errors import MissingExtraError, ModelError, OptionError
from peft_sp.inference.backends import (
    Backend,
    EnsembleBackend,
    OnnxBackend,
    Precision,
    TorchBackend,
    positive_integer,
)
from peft_sp.inference.decoding.crf_scores import UNCALIBRATED, Temperatures
from peft_sp.inference.hardware.devices import Device, parse_device
from peft_sp.inference.hardware.processors import limit_torch
from peft_sp.inference.predictor import Predictor
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import ModelConfig

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbones


def load(
    model: str | os.PathLike[str] | lookup.Model = lookup.DEFAULT,
    *,
    device: str = "auto",
    threads: int | None = None,
    backbone: str | None = None,
    precision: Precision = "float32",
    temperature: float | None = None,
    chunk: int | None = None,
    published_decoding: bool = False,
) -> Predictor:
    """A predictor from a model's name, directory or hub id.

    Exported models run on ONNX Runtime without torch; others need `peft-sp[train]` and their
    backbone, which `backbone` (name, hub id or directory) may point to. threads: of the
    processor, None for all. device: "auto", "cpu", "cuda", "cuda:N",
    "tensorrt" or "tensorrt:N" (`hardware.devices`). precision: what a model on torch computes in;
    "tf32" rounds factors on a GPU and sets that for torch as a whole; exported ones take
    none. temperature: by
    which the log probabilities of types are divided, those of sites not, None for the model's own
    temperatures. chunk, published_decoding: see `Predictor`.

    Raises ModelError where the model cannot be found, read or run so, MissingExtraError, and
    OptionError where `threads` or `chunk` is no positive whole number, `temperature` no
    positive number, or there is no such device or precision.
    """
    positive_integer("threads", threads)
    positive_integer("chunk", chunk)
    place = parse_device(device)
    if precision not in get_args(Precision):
        choices = ", ".join(get_args(Precision))
        raise OptionError(f"precision is {precision!r}; give one of {choices}")
    if temperature is not None and not 0 < temperature < math.inf:
        raise OptionError(f"temperature is {temperature!r}; give a number above 0, or None")
    directory = lookup.locate(model)
    config = ModelConfig.read(directory)
    if backbone is not None and config.backbone is None:
        raise ModelError(f"model '{model}' has no backbone; leave out --backbone")
    temperatures = own_temperatures(config) if temperature is None else Temperatures(temperature)
    setup = _Setup(place, threads, backbone, precision)
    backend = _backend(directory, config, setup, temperatures)
    return Predictor(
        *(backend, config, chunk, str(model), directory), published_decoding=published_decoding
    )


def own_temperatures(config: ModelConfig) -> Temperatures:
    """The temperatures that a model's settings give."""
    fitted = config.calibration
    if fitted is None:
        return UNCALIBRATED
    return Temperatures(fitted.temperature, fitted.eukarya, fitted.sites)


@dataclass
class _Setup:
    """How a model is to run; `backbones` are those that its networks have read so far."""

    device: Device
    threads: int | None
    backbone: str | None
    precision: str
    backbones: Backbones | None = None


def _backend(
    directory: Path, config: ModelConfig, setup: _Setup, temperatures: Temperatures = UNCALIBRATED
) -> Backend:
    exported = directory / lookup.ONNX
    if config.members:
        parts = lookup.member_configs(directory, config)
        return EnsembleBackend([_backend(part, own, setup) for part, own in parts], temperatures)
    if not exported.is_file():
        return _torch_backend(directory, setup, temperatures)
    if setup.precision != "float32":
        raise ModelError(
            f"model '{directory}' is exported and computes in float32; leave out --precision"
        )
    if setup.backbone is not None:
        raise ModelError(
            f"model '{directory}' is exported, its backbone included; leave out --backbone"
        )
    return OnnxBackend(exported, setup.threads, config.batch_size, temperatures, setup.device)


def _torch_backend(directory: Path, setup: _Setup, temperatures: Temperatures) -> TorchBackend:
    try:
        import torch

        from peft_sp.network.backbone import Backbones
        from peft_sp.network.checkpoint import load_checkpoint
    except ImportError as error:
        raise MissingExtraError(f"{directory}", "train", error.name) from None
    device = setup.device.of_torch()
    limit_torch(setup.threads)
    torch.set_float32_matmul_precision("high" if setup.precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = setup.precision == "tf32"
    setup.backbones = setup.backbones or Backbones()
    model = load_checkpoint(directory, setup.backbone, setup.backbones)
    return TorchBackend(model, device, setup.precision, temperatures)
