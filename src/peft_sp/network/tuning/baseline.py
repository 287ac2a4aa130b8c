"""The two ends between which the methods lie: train nothing of the backbone, or all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from peft_sp.network.tuning.method import Method

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class Frozen(Method):
    """Only the head is trained."""

    method: Literal["frozen"] = "frozen"

    def apply(self, backbone: Backbone) -> None:
        """Leave the backbone as it is."""

    def untouched(self, depth: int) -> int:
        """Every layer."""
        return depth


class Full(Method):
    """Everything is trained; the result holds the whole backbone, changed."""

    method: Literal["full"] = "full"

    def apply(self, backbone: Backbone) -> None:
        """Let all parameters that the hidden states depend on be trained."""
        backbone.esm.embeddings.requires_grad_(True)
        backbone.esm.encoder.requires_grad_(True)
