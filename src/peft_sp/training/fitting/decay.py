"""Which parameters weight decay draws towards zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn


def decay_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """The optimiser's groups of some parameters: matrices, which decay, and what does not.

    The latter is what adds to or multiplies a vector (biases, norms, IA3's factors, CRF starts and
    ends), and prompts, which are many vectors. A group without parameters is left out.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in parameters:
        is_matrix = parameter.ndim == 2 and min(parameter.shape) > 1
        (matrices if is_matrix else others).append(parameter)
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
