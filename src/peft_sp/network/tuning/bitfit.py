"""BitFit (Ben Zaken et al. 2022): the backbone's own biases are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from peft_sp.network.encoders import family_of
from peft_sp.network.tuning.method import LastLayersMethod

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Shape


class BitFit(LastLayersMethod):
    """The biases of the last N layers, those of their norms included."""

    method: Literal["bitfit"] = "bitfit"

    def problems(self, config: Shape) -> list[str]:
        """Layers that the backbone does not have, or a family whose layers have no biases."""
        problems = super().problems(config)
        if not (family := family_of(config)).has_biases:
            problems.append(f'method = "bitfit" trains biases, and {family.title} has none')
        return problems

    def apply(self, backbone: Backbone) -> None:
        """Unfreeze the biases."""
        for number in self.numbers(backbone.depth):
            for name, parameter in backbone.layers[number].named_parameters():
                if name.endswith("bias"):
                    parameter.requires_grad_(True)
