"""Prompt tuning (Lester et al. 2021; Li and Liang 2021): trained vectors before the sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from peft_sp.network.tuning.method import Method, Values

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Shape


class Prompt(Method):
    """P trained vectors before <cls>, at one layer or at several.

    position: "first" puts them before the first layer, from where they go through the whole
    network like tokens; "last" before the last layer; "all" before every layer and "topmost"
    before each of the last `layers`, where the vectors of one layer replace the output for
    those of the layer below.
    """

    method: Literal["prompt"] = "prompt"
    length: int = Field(default=20, ge=1, le=512, description="number of vectors")
    position: Literal["first", "all", "last", "topmost"] = "first"
    layers: int | None = Field(default=None, description='how many, for position = "topmost"')
    mlp: int | None = Field(
        default=None,
        ge=1,
        le=16384,
        description="inner width of a network that re-parameterises vectors",
    )

    def problems(self, config: Shape) -> list[str]:
        """A number of layers that does not go with the position or the backbone."""
        depth = config.num_hidden_layers
        if self.position != "topmost" and self.layers is not None:
            return [
                f'tuning.layers goes with position = "topmost" alone, not with "{self.position}"'
            ]
        if self.position == "topmost" and not 1 <= (self.layers or 0) <= depth:
            given = "missing" if self.layers is None else str(self.layers)
            return [
                f"tuning.layers is {given}; the backbone has {depth} layers, so "
                f'position = "topmost" takes 1 to {depth}'
            ]
        return []

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """Number of vectors, and of layers where the position has one."""
        own: dict[str, Values] = {"length": (5, 10, 20, 50)}
        if self.layers is not None and depth > 1:
            own["layers"] = range(1, depth + 1)
        return own

    def apply(self, backbone: Backbone) -> None:
        """Add the vectors, and the network that re-parameterises them."""
        family, network = backbone.family, backbone.network
        table = family.table(network).detach().float()
        first = self._first(backbone.depth)
        if self.position == "first":
            known = family.token_vectors(network, backbone.residue_tokens).detach().float()
            vectors = _tokens(known, self.length)[None]
        else:
            count = backbone.depth - first
            # Drawn on the processor, so that they are the same whatever device the backbone is on.
            drawn = torch.randn(count, self.length, backbone.width)
            vectors = drawn.to(table.device) * table.std()
        backbone.prompts = Prompts(vectors, first, self.mlp)

    def _first(self, depth: int) -> int:
        """The number of the first prompted layer."""
        counts = {"first": depth, "all": depth, "last": 1, "topmost": self.layers or depth}
        return depth - counts[self.position]


class Prompts(nn.Module):
    """Vectors (K, P, D) for K layers from the `first` one on.

    mlp: inner width of a residual network, the same for all vectors, through which they go.
    """

    def __init__(self, vectors: Tensor, first: int, mlp: int | None) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.clone())
        self.first = first
        width = vectors.shape[2]
        self.mlp = None
        if mlp is not None:
            self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.ReLU(), nn.Linear(mlp, width))

    def at(self, layer: int) -> Tensor | None:
        """The vectors (P, D) that are set before a layer, None where it has none."""
        index = layer - self.first
        if not 0 <= index < len(self.vectors):
            return None
        vectors = self.vectors[index]
        return vectors if self.mlp is None else vectors + self.mlp(vectors)


def _tokens(table: Tensor, count: int) -> Tensor:
    """Embeddings (count, D) of tokens drawn from a table (V, D), none twice before all once."""
    rounds = -(-count // len(table))
    drawn = torch.cat([torch.randperm(len(table)) for _ in range(rounds)])
    return table[drawn[:count]]
