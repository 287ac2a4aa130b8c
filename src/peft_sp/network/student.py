"""A small network from residues to hidden states: convolutions, then an LSTM each way."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD, RESIDUES, UNKNOWN, properties
from peft_sp.biology.grammar import WINDOW
from peft_sp.network.settings import StudentSettings


class Student(nn.Module):
    """Residue codes (B, L) -> hidden states (B, L, D), with D = 2 x hidden.

    The embedding holds the 20 amino acids and X; B, Z, U and O are read as X, since too few
    are in any training set to learn them. Padding never reaches a residue: it is zero to the
    convolutions, and the backward LSTM reads each sequence from its own last residue.
    """

    lookup: Tensor

    def __init__(self, settings: StudentSettings) -> None:
        super().__init__()
        self.width = 2 * settings.hidden
        self.residue_dropout = settings.residue_dropout
        self.unknown = len(AMINO_ACIDS)
        others = len(RESIDUES) + 1 - len(AMINO_ACIDS)  # X, B, Z, U, O and padding
        lookup = [*range(len(AMINO_ACIDS)), *[self.unknown] * others]
        self.register_buffer("lookup", torch.tensor(lookup), persistent=False)
        assert RESIDUES[self.unknown] == UNKNOWN and len(lookup) == PAD + 1
        self.letters = nn.Embedding(self.unknown + 1, settings.width)
        self.places = nn.Embedding(WINDOW, settings.width)
        self._start_from_properties()
        nn.init.normal_(self.places.weight, std=0.1)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(settings.width, settings.kernel, settings.dropout)
            for _ in range(settings.convolutions)
        )
        self.forwards = nn.LSTM(settings.width, settings.hidden, batch_first=True)
        self.backwards = nn.LSTM(settings.width, settings.hidden, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.norm = nn.LayerNorm(self.width)

    @torch.no_grad()
    def _start_from_properties(self) -> None:
        """Let similar amino acids start alike: there are too few data to learn that well."""
        table = torch.from_numpy(properties()).float()  # (20, P)
        mix = torch.randn(table.shape[1], self.letters.embedding_dim) / table.shape[1] ** 0.5
        nn.init.normal_(self.letters.weight, std=0.2)
        self.letters.weight[: len(table)] += 0.5 * table @ mix

    def forward(self, residues: Tensor) -> Tensor:
        """Residues (B, L) int codes, `PAD` behind the end -> (B, L, D)."""
        residues = residues.long()
        # shape: (batch, length)
        mask = residues != PAD
        letters = self.lookup[residues]
        if self.training and self.residue_dropout:
            dropped = torch.rand(letters.shape, device=letters.device) < self.residue_dropout
            letters = letters.masked_fill(dropped, self.unknown)
        positions = torch.arange(residues.shape[1], device=residues.device)
        # shape: (batch, length, 1)
        inside = mask[..., None].to(self.letters.weight.dtype)
        # shape: (batch, length, channels)
        state = (self.letters(letters) + self.places(positions)) * inside
        for block in self.blocks:
            state = block(state, inside) * inside
        state = self.dropout(state)
        # shape: (batch, length, LSTM units)
        forward = lstm_outputs(self.forwards, state)
        last = mask.sum(1, keepdim=True) - 1
        # Each sequence reversed in its own length; padding stays where it is.
        # shape: (batch, length, 1)
        mirrored = torch.where(positions <= last, last - positions, positions)[..., None]
        backward = lstm_outputs(
            self.backwards, state.gather(1, mirrored.expand(-1, -1, state.shape[2]))
        )
        backward = backward.gather(1, mirrored.expand(-1, -1, backward.shape[2]))
        hidden: Tensor = self.norm(torch.cat([forward, backward], dim=2))
        return hidden


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


class ConvolutionBlock(nn.Module):
    """Residual block on (B, L, C): norm, depthwise convolution, pointwise expansion and back."""

    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, inside: Tensor) -> Tensor:
        """State (B, L, C) -> (B, L, C); inside (B, L, 1) is 1 at residues and 0 at padding."""
        # The norm's bias would otherwise reach residues from the padding beside them.
        normed = self.norm(state) * inside
        mixed = self.depthwise(normed.transpose(1, 2)).transpose(1, 2)
        mixed = self.contract(self.activation(self.expand(mixed)))
        output: Tensor = state + self.dropout(mixed)
        return output
