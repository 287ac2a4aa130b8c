"""Where a network runs: what `--device` means, here alone.

- auto: a model on torch runs on the first GPU that torch finds, an exported one on the first GPU
  where ONNX Runtime has CUDA, if it computes in float32; everything else on processors.
- cpu: on processors.
- cuda, cuda:N: on that GPU. Products in int8, for which GPUs have no kernels, are refused.
- tensorrt, tensorrt:N: an exported model on that GPU through TensorRT, which first takes minutes to
  build what it runs, so that it is never chosen by itself.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_sp.errors import ModelError, OptionError

AUTO = "auto"
FORMS = (AUTO, "cpu", "cuda", "cuda:N", "tensorrt", "tensorrt:N")

Provider = tuple[str, dict[str, Any]]
"""An execution provider of ONNX Runtime, with its options."""

PROVIDERS = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_PROCESSORS: Provider = ("CPUExecutionProvider", {})


@dataclass(frozen=True)
class Device:
    """What was asked for: its kind and, of a GPU, its number from 0."""

    kind: str
    number: int = 0

    def of_torch(self) -> str:
        """Its name in torch. Raises ModelError where torch has no such device."""
        import torch

        if self.kind == "tensorrt":
            raise ModelError("TensorRT runs exported models; export this one, or use --device cuda")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if self.kind == "cpu" or (self.kind == AUTO and not count):
            return "cpu"
        if not count:
            raise ModelError("this machine has no CUDA device; use --device cpu")
        if self.number >= count:
            raise ModelError(
                f"this machine has no CUDA device {self.number}; the last is cuda:{count - 1}"
            )
        return f"cuda:{self.number}"

    def of_onnx_runtime(
        self, available: Sequence[str], integers: bool, path: Path
    ) -> list[Provider]:
        """Execution providers; a node of the network runs on the first that can run it.

        available: those of the installed ONNX Runtime; integers: whether the network of the file at
        `path` computes in int8. Raises ModelError for what it cannot do.
        """
        kind = self.kind
        if kind == AUTO:
            kind = "cuda" if PROVIDERS["cuda"] in available and not integers else "cpu"
        if kind == "cpu":
            return [_PROCESSORS]
        if integers:
            raise ModelError(
                f"{path}: computes in int8, for which GPUs have no kernels; leave out --device, "
                "or export the model with --precision float32"
            )
        if PROVIDERS[kind] not in available:
            raise ModelError(
                f"{path}: the installed ONNX Runtime has no {PROVIDERS[kind]}; leave out --device, "
                "or install onnxruntime-gpu in its place"
            )
        gpu = {"device_id": self.number}
        kinds = ("tensorrt", "cuda") if kind == "tensorrt" else ("cuda",)
        return [*((PROVIDERS[one], dict(gpu)) for one in kinds), _PROCESSORS]

    def used(self, providers: Sequence[str], path: Path) -> str:
        """What a session of ONNX Runtime with these providers runs on: "cpu", "cuda" or "tensorrt".

        Without a GPU or its libraries it goes on without the provider. Raises ModelError where that
        is not what was asked for.
        """
        found = next((kind for kind, name in PROVIDERS.items() if name in providers), "cpu")
        if PROVIDERS["tensorrt"] in providers:
            found = "tensorrt"
        if self.kind not in (AUTO, found):
            raise ModelError(
                f"{path}: ONNX Runtime cannot use {self.kind} device {self.number} here; use "
                "--device cpu, or look for what CUDA's libraries lack"
            )
        return found

    def decoder(self) -> str | None:
        """Torch's name of the GPU on which an exported model runs; None without torch for it.

        There the decoder is to run, too: in NumPy it would hold the network up.
        """
        if importlib.util.find_spec("torch") is None:
            return None
        import torch

        found = torch.cuda.is_available() and self.number < torch.cuda.device_count()
        return f"cuda:{self.number}" if found else None


CPU = Device("cpu")


def parse_device(text: str) -> Device:
    """The device that `--device` names. Raises OptionError."""
    match = re.fullmatch(r"(?:(auto|cpu)|(cuda|tensorrt)(?::([0-9]{1,3}))?)", text)
    if match is None:
        raise OptionError(f"there is no device '{text}'; give {', '.join(FORMS)}")
    return Device(match[1] or match[2], int(match[3] or 0))
