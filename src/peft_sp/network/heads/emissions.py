"""What turns hidden states into emissions: one linear layer, or more before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from peft_sp.io.registry import plugins
from peft_sp.network.heads.recurrence import bidirectional
from peft_sp.network.settings import HeadSettings


class Linear(nn.Linear):
    """Each residue by itself."""

    def forward(self, states: Tensor, inside: Tensor | None = None) -> Tensor:
        """States (B, L, D), inside (B, L) bool, true on residues -> emissions (B, L, S)."""
        return super().forward(states)


class Perceptron(nn.Linear):
    """A layer of hidden units, each residue by itself; `weight` is of the last layer."""

    def __init__(self, width: int, size: int, settings: HeadSettings) -> None:
        hidden = settings.hidden or width
        super().__init__(hidden, size)
        self.inner = nn.Linear(width, hidden)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, states: Tensor, inside: Tensor | None = None) -> Tensor:
        """States (B, L, D) -> emissions (B, L, S)."""
        hidden = self.dropout(torch.relu(self.inner(states)))
        return super().forward(hidden)


class Recurrent(nn.Linear):
    """An LSTM each way, which sees the whole window; `weight` is of the last layer.

    The backward one reads each sequence from its own last residue.
    """

    def __init__(self, width: int, size: int, settings: HeadSettings) -> None:
        hidden = settings.hidden or max(width // 2, 1)
        super().__init__(2 * hidden, size)
        self.forwards = nn.LSTM(width, hidden, batch_first=True)
        self.backwards = nn.LSTM(width, hidden, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, states: Tensor, inside: Tensor | None = None) -> Tensor:
        """States (B, L, D), inside (B, L) bool, true on residues -> emissions (B, L, S)."""
        assert inside is not None
        hidden = bidirectional(self.forwards, self.backwards, states, inside)
        return super().forward(self.dropout(hidden))


def build_head(settings: HeadSettings, width: int, size: int) -> nn.Module:
    """The head that settings describe, of states (B, L, width) and `size` emissions a residue.

    Raises ValueError for one of another package that cannot be loaded or made.
    """
    if settings.kind == "linear":
        return Linear(width, size)
    own: Any = {"mlp": Perceptron, "lstm": Recurrent}.get(settings.kind)
    if own is not None:
        head: nn.Module = own(width, size, settings)
        return head
    made = plugins.find(plugins.HEADS, settings.kind)
    try:
        head = made(width, size, **settings.options) if made else nn.Identity()
    except TypeError as error:
        raise ValueError(f"head.options do not fit the head '{settings.kind}' ({error})") from None
    if not isinstance(head, nn.Module) or not any(True for _ in head.parameters()):
        raise ValueError(f"head.kind '{settings.kind}' is no torch module with parameters")
    return head
