"""Full fine-tuning, the baseline that trains all of the backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from peft_sp.network.tuning.method import Method, Trained

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class Full(Method):
    """Everything is trained; the result holds the whole backbone, changed."""

    trained: ClassVar[Trained] = "backbone"
    method: Literal["full"] = "full"

    def apply(self, backbone: Backbone) -> None:
        """Let all parameters that the hidden states depend on be trained."""
        for part in backbone.family.used(backbone.network):
            part.requires_grad_(True)
