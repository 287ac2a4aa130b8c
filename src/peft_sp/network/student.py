"""A small network from residues to hidden states: convolutions, then LSTMs or attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD, RESIDUES, UNKNOWN, properties
from peft_sp.biology.grammar import WINDOW
from peft_sp.network.heads.recurrence import bidirectional
from peft_sp.network.settings import StudentSettings

HIDDEN = -1e4
"""Added to the attention to padding, which is then 0 in float32."""


class Student(nn.Module):
    """Residue codes (B, L) -> hidden states (B, L, D), with D = `width`.

    The embedding holds the 20 amino acids and X; B, Z, U and O are read as X, since too few
    are in any training set to learn them. Padding never reaches a residue: it is zero to the
    convolutions, attention does not look at it, and the backward LSTM reads each sequence from
    its own last residue.
    """

    lookup: Tensor

    def __init__(self, settings: StudentSettings) -> None:
        super().__init__()
        self.width = 2 * settings.hidden if settings.sequence == "lstm" else settings.width
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
            ConvolutionBlock(settings, settings.dilations[n % len(settings.dilations)])
            for n in range(settings.convolutions)
        )
        self.sequence = settings.sequence
        if settings.sequence == "lstm":
            self.forwards = nn.LSTM(settings.width, settings.hidden, batch_first=True)
            self.backwards = nn.LSTM(settings.width, settings.hidden, batch_first=True)
        elif settings.sequence == "attention":
            self.attention = nn.ModuleList(
                AttentionBlock(settings.width, settings.heads, settings.dropout)
                for _ in range(settings.attention_layers)
            )
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
        if self.sequence == "lstm":
            state = bidirectional(self.forwards, self.backwards, state, mask)
        elif self.sequence == "attention":
            for layer in self.attention:
                state = layer(state, mask)
        hidden: Tensor = self.norm(state)
        return hidden


class ConvolutionBlock(nn.Module):
    """Residual block on (B, L, C): norm, depthwise convolution, pointwise expansion and back."""

    def __init__(self, settings: StudentSettings, dilation: int) -> None:
        super().__init__()
        width, kernel = settings.width, settings.kernel
        self.gated = settings.gated
        self.norm = nn.LayerNorm(width)
        self.depthwise = nn.Conv1d(
            width,
            width,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=width,
        )
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(width if self.gated else 2 * width, width)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, state: Tensor, inside: Tensor) -> Tensor:
        """State (B, L, C) -> (B, L, C); inside (B, L, 1) is 1 at residues and 0 at padding."""
        # The norm's bias would otherwise reach residues from the padding beside them.
        normed = self.norm(state) * inside
        mixed = self.expand(self.depthwise(normed.transpose(1, 2)).transpose(1, 2))
        if self.gated:
            values, gates = mixed.chunk(2, dim=2)
            mixed = values * torch.sigmoid(gates)
        else:
            mixed = self.activation(mixed)
        output: Tensor = state + self.dropout(self.contract(mixed))
        return output


class AttentionBlock(nn.Module):
    """A transformer's layer on (B, L, C) with norms in front; positions come from the embedding."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, mask: Tensor) -> Tensor:
        """State (B, L, C) -> (B, L, C); mask (B, L) bool is true at residues."""
        batch, length, width = state.shape
        split = self.project(self.norm(state)).view(batch, length, 3, self.heads, -1)
        # shape: (batch, heads, length, channels of a head)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        # Written out: the exported form of torch's own function has infinities in it.
        # shape: (batch, heads, length, length)
        weights = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        weights = weights + (~mask).to(weights.dtype)[:, None, None] * HIDDEN
        attended = (weights.softmax(dim=3) @ value).transpose(1, 2).reshape(batch, length, width)
        state = state + self.dropout(self.join(attended))
        fed = self.contract(torch.relu(self.expand(self.feed_norm(state))))
        output: Tensor = state + self.dropout(fed)
        return output
