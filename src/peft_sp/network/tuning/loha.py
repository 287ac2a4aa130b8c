"""LoHa (Hyeon-Woo et al. 2022): products of two low-rank updates, through `peft`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from peft_sp.network.tuning.method import LastLayersMethod, Values
from peft_sp.network.tuning.wrapping import modules_of_layers, wrap

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class LoHa(LastLayersMethod):
    """Updates of query, key, value and output projections of the last N layers.

    An update is the product, element by element, of two of rank `rank`, so that its own rank may
    be the square of that. The updates start at zero.
    """

    quantized: ClassVar[bool] = False
    method: Literal["loha"] = "loha"
    rank: int = Field(default=4, ge=1, le=4096)
    alpha: float = Field(default=4.0, gt=0, description="updates are scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="of directions, in training")

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """Rank, scale and number of layers."""
        own = {"rank": (2, 4, 8), "alpha": (2, 4, 8, 16)}
        return {**own, **super().search_candidates(width, depth)}

    def apply(self, backbone: Backbone) -> None:
        """Wrap the encoder by `peft`, which adds the updates."""
        from peft import LoHaConfig

        wrap(
            backbone,
            LoHaConfig(
                r=self.rank,
                alpha=self.alpha,  # type: ignore[arg-type]  # peft divides any number
                rank_dropout=self.dropout,
                target_modules=modules_of_layers(
                    backbone,
                    self.numbers(backbone.depth),
                    ("query", "key", "value", "output"),
                ),
            ),
        )
