"""Adapter tuning (Houlsby et al. 2019): bottlenecks inside the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from peft_sp.network.tuning.method import LastLayersMethod, Values

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Role, Shape

_BEHIND: tuple[Role, ...] = ("output", "down")
"""Projections behind which bottlenecks stand: the last of each block."""


class Adapter(LastLayersMethod):
    """A bottleneck after the attention and one after the feed-forward block of the last N layers.

    Each stands before its block's own residual sum (Zeng et al. 2023).
    """

    method: Literal["adapter"] = "adapter"
    bottleneck: int | None = Field(
        default=None, ge=1, description="width of the bottleneck; by default half the backbone's"
    )

    def problems(self, config: Shape) -> list[str]:
        """Layers that the backbone does not have, or a bottleneck as wide as the backbone."""
        problems = super().problems(config)
        if self.bottleneck is not None and self.bottleneck >= config.hidden_size:
            problems.append(
                f"tuning.bottleneck is {self.bottleneck}, no narrower than the backbone's width "
                f"of {config.hidden_size}"
            )
        return problems

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """Width of the bottleneck and number of layers."""
        own = {"bottleneck": (width // 8, width // 4, width // 2)}
        return {**own, **super().search_candidates(width, depth)}

    def apply(self, backbone: Backbone) -> None:
        """Put the bottlenecks behind the two output projections of each layer."""
        width = self.bottleneck or backbone.width // 2
        for number in self.numbers(backbone.depth):
            for role in _BEHIND:
                (path,) = backbone.family.modules[role]
                block, _, name = path.rpartition(".")
                holder = backbone.layers[number].get_submodule(block)
                own = Adapted(getattr(holder, name), Bottleneck(backbone.width, width))
                setattr(holder, name, own)


class Bottleneck(nn.Module):
    """x -> x + LayerNorm(up(relu(down(x)))), and x itself before any training.

    The published code starts its projections at random and its LayerNorm at one, so that the
    pre-trained network is disturbed from the first step. Here the LayerNorm's gain starts at zero
    and the projections at random. (A zero `up` would do as well for the output, but a LayerNorm
    of zeros has gradients as large as 1 / sqrt(its epsilon).)
    """

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        self.norm = nn.LayerNorm(width)
        nn.init.zeros_(self.norm.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., D) -> (..., D), in their own precision."""
        inner = hidden.to(self.down.weight.dtype)
        update: Tensor = self.norm(self.up(torch.relu(self.down(inner))))
        return hidden + update.to(hidden.dtype)


class Adapted(nn.Module):
    """A frozen projection with a bottleneck behind it."""

    def __init__(self, dense: nn.Module, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.dense, self.bottleneck = dense, bottleneck

    @property
    def weight(self) -> Tensor:
        """Of the projection; T5 looks at its precision."""
        weight: Tensor = self.dense.weight  # type: ignore[assignment]
        return weight

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., D) -> (..., D)."""
        output: Tensor = self.bottleneck(self.dense(hidden))
        return output
