"""VeRA (Kopiczko et al. 2024): LoRA on random projections that all layers share, via `peft`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from peft_sp.network.tuning.method import LastLayersMethod, Values
from peft_sp.network.tuning.wrapping import modules_of_layers, wrap

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class VeRA(LastLayersMethod):
    """Updates of query, key, value and output projections of the last N layers.

    Two random projections, drawn once, are the same in all of them; trained are a factor for each
    of the `rank` directions and one for each output. The updates start at zero.
    """

    method: Literal["vera"] = "vera"
    rank: int = Field(default=256, ge=1, le=4096, description="directions of the projections")
    dropout: float = Field(default=0.0, ge=0, lt=1)
    initial: float = Field(default=0.1, gt=0, description="factor of each direction at the start")

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """Directions and number of layers."""
        return {"rank": (64, 256, 1024), **super().search_candidates(width, depth)}

    def apply(self, backbone: Backbone) -> None:
        """Wrap the encoder by `peft`, which adds the updates."""
        from peft import VeraConfig

        wrap(
            backbone,
            VeraConfig(
                r=self.rank,
                vera_dropout=self.dropout,
                d_initial=self.initial,
                target_modules=modules_of_layers(
                    backbone,
                    self.numbers(backbone.depth),
                    ("query", "key", "value", "output"),
                ),
            ),
        )
