"""Projections of a backbone in 4 bits, as QLoRA has them (Dettmers et al. 2023), by bitsandbytes.

Weights are NF4 with quantised scales; activations, norms and embeddings stay as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from peft_sp.errors import MissingExtraError, ModelError
from peft_sp.network.encoders import family_of

NF4 = "nf4"


def quantize(network: Any) -> None:
    """Store the projections of a network's layers in 4 bits, in place.

    Raises MissingExtraError without bitsandbytes, and ModelError where it does not work here.
    """
    bits = _library()
    for holder, name, own in _projections(network):
        made = bits.nn.Linear4bit(
            own.in_features,
            own.out_features,
            bias=own.bias is not None,
            compute_dtype=None,  # that of what it is given
            quant_type=NF4,
        )
        made.weight = bits.nn.Params4bit(own.weight.data, requires_grad=False, quant_type=NF4)
        if own.bias is not None:
            made.bias = nn.Parameter(own.bias.data, requires_grad=False)
        try:
            setattr(holder, name, made.to(own.weight.device))
        except Exception as error:  # the library has kernels of its own for each device
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f'backbone_precision = "{NF4}" needs a bitsandbytes that computes on this machine '
                f"({reason}); give bfloat16"
            ) from None
    network.is_loaded_in_4bit = True  # by which peft knows it


def dequantize(network: Any) -> None:
    """Store the same, rounded weights in float32 again, in place."""
    bits = _library()
    for holder, name, own in _projections(network):
        made = nn.Linear(own.in_features, own.out_features, bias=own.bias is not None)
        with torch.no_grad():
            made.weight.copy_(bits.functional.dequantize_4bit(own.weight, own.weight.quant_state))
            if own.bias is not None:
                made.bias.copy_(own.bias)
        setattr(holder, name, made.requires_grad_(False))
    network.is_loaded_in_4bit = False


def count_parameters(network: nn.Module) -> int:
    """How many parameters a network has; two of those in 4 bits share a byte."""
    states = ((p, getattr(p, "quant_state", None)) for p in network.parameters())
    return sum(p.numel() if own is None else int(own.shape.numel()) for p, own in states)


def _projections(network: Any) -> list[tuple[nn.Module, str, Any]]:
    """The projections of all layers, with the modules that hold them and their names there."""
    family = family_of(network.config)
    modules = family.modules.items()
    paths = [path for role, own in modules if role not in family.not_quantized for path in own]
    found = []
    for layer in network.get_submodule(family.layers):
        for path in paths:
            place, _, name = path.rpartition(".")
            holder = layer.get_submodule(place)
            if (own := getattr(holder, name, None)) is not None:
                found.append((holder, name, own))
    return found


def _library() -> Any:
    try:
        import bitsandbytes
    except ImportError as error:
        raise MissingExtraError(f'backbone_precision = "{NF4}"', "quantized", error.name) from None
    return bitsandbytes
