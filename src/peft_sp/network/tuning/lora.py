"""Low-rank adaptation (LoRA; Hu et al. 2021), through `peft`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from peft_sp.network.tuning.method import LastLayersMethod, Values
from peft_sp.network.tuning.wrapping import modules_of_layers, wrap

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Shape


class LoRA(LastLayersMethod):
    """Low-rank updates of query, key, value and output projections of the last N layers.

    The updates start at zero. dora: the size of each updated weight row is trained apart
    from its direction (Liu et al. 2024); rslora: updates are scaled by alpha / sqrt(rank)
    (Kalajdzievski 2023) instead of alpha / rank.
    """

    method: Literal["lora"] = "lora"
    rank: int = Field(default=8, ge=1, le=4096)
    alpha: float = Field(default=8.0, gt=0, description="updates are scaled by alpha / rank")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    dora: bool = False
    rslora: bool = False

    def problems(self, config: Shape) -> list[str]:
        """Layers that the backbone does not have, or a rank above the backbone's width."""
        problems = super().problems(config)
        if self.rank > config.hidden_size:
            problems.append(
                f"tuning.rank is {self.rank}, more than the backbone's width of "
                f"{config.hidden_size}, where a low rank saves nothing"
            )
        return problems

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """Rank, scale and number of layers."""
        own = {"rank": (4, 8, 16), "alpha": (4, 8, 16, 32)}
        return {**own, **super().search_candidates(width, depth)}

    def apply(self, backbone: Backbone) -> None:
        """Wrap the encoder by `peft`, which adds the low-rank updates."""
        from peft import LoraConfig

        wrap(
            backbone,
            LoraConfig(
                r=self.rank,
                lora_alpha=self.alpha,  # type: ignore[arg-type]  # peft divides by any number
                lora_dropout=self.dropout,
                use_dora=self.dora,
                use_rslora=self.rslora,
                target_modules=modules_of_layers(
                    backbone,
                    self.numbers(backbone.depth),
                    ("query", "key", "value", "output"),
                ),
            ),
        )
