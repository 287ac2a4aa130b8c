"""What every tuning method has: settings that check themselves against a backbone, and `apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from transformers import EsmConfig

    from peft_sp.network.backbone import Backbone


class Method(BaseModel):
    """A way to adapt a backbone whose own parameters come frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def problems(self, config: EsmConfig) -> list[str]:
        """Which of these settings do not fit a backbone, one sentence each."""
        return []

    def apply(self, backbone: Backbone) -> None:
        """Add to the backbone what is to be trained. Nothing else of it is."""
        raise NotImplementedError

    def untouched(self, depth: int) -> int:
        """How many of the first of `depth` layers training does not change.

        Their output for a window is the same in every epoch, so it can be cached.
        """
        return 0


class LastLayersMethod(Method):
    """A method that changes the last N layers."""

    layers: int | Literal["all"] = Field(default="all", description="the last N layers")

    def problems(self, config: EsmConfig) -> list[str]:
        """A number of layers that the backbone does not have."""
        depth = config.num_hidden_layers
        if self.layers != "all" and not 1 <= self.layers <= depth:
            return [
                f"tuning.layers is {self.layers}; the backbone has {depth} layers, so give 1 to "
                f'{depth}, or "all"'
            ]
        return []

    def untouched(self, depth: int) -> int:
        """All layers but the last N."""
        return 0 if self.layers == "all" else depth - self.layers

    def numbers(self, depth: int) -> range:
        """The layers that are changed, counted from 0."""
        return range(self.untouched(depth), depth)
