"""IA3 (Liu et al. 2022): trained factors of activations, through `peft`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from peft_sp.network.tuning.method import LastLayersMethod
from peft_sp.network.tuning.wrapping import modules_of_layers, wrap

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class IA3(LastLayersMethod):
    """Trained factors of keys, values and inner feed-forward activations, all 1 at the start."""

    method: Literal["ia3"] = "ia3"

    def apply(self, backbone: Backbone) -> None:
        """Wrap the encoder by `peft`, which adds the factors."""
        from peft import IA3Config

        numbers = self.numbers(backbone.depth)
        wrap(
            backbone,
            IA3Config(
                target_modules=modules_of_layers(backbone, numbers, ("key", "value", "down")),
                feedforward_modules=modules_of_layers(backbone, numbers, ("down",)),
            ),
        )
