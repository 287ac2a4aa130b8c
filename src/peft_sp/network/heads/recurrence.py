"""LSTMs over sequences of different lengths, which padding does not reach."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn


@cache
def has_bfloat16_lstm() -> bool:
    """Whether this processor has the bfloat16 instructions that torch's LSTM needs on it."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def lstm_outputs(lstm: nn.LSTM, states: Tensor, bfloat16: bool | None = None) -> Tensor:
    """Outputs (B, L, H) of an LSTM for states (B, L, C).

    bfloat16: whether the device has an LSTM in bfloat16; by default found out. Where it has none,
    the LSTM computes in float32, even under autocast to bfloat16.
    """
    device = states.device.type
    if bfloat16 is None:
        bfloat16 = device != "cpu" or has_bfloat16_lstm()
    if bfloat16 or not torch.is_autocast_enabled(device):
        output: Tensor = lstm(states)[0]
    else:
        with torch.autocast(device, enabled=False):
            output = lstm(states.float())[0]
    return output


def bidirectional(forwards: nn.LSTM, backwards: nn.LSTM, states: Tensor, inside: Tensor) -> Tensor:
    """Outputs (B, L, 2 H) of an LSTM each way for states (B, L, C).

    inside (B, L) bool: true up to each sequence's end, from where the backward one reads it.
    """
    forward = lstm_outputs(forwards, states)
    last = inside.sum(1, keepdim=True) - 1
    positions = torch.arange(states.shape[1], device=states.device)
    # Each sequence reversed in its own length; padding stays where it is.
    # shape: (batch, length, 1)
    mirrored = torch.where(positions <= last, last - positions, positions)[..., None]
    backward = lstm_outputs(backwards, states.gather(1, mirrored.expand(-1, -1, states.shape[2])))
    backward = backward.gather(1, mirrored.expand(-1, -1, backward.shape[2]))
    return torch.cat([forward, backward], dim=2)
