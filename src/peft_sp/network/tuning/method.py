"""What every tuning method has: settings that check themselves against a backbone, and `apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Shape


Values = tuple[int, ...] | range
"""Values of an option that a search may try: some choices, or all integers of a range."""
Trained = Literal["nothing", "part", "backbone"]
"""What of the encoder is trained: nothing, parameters added to it or a part of its own, or all."""


class Method(BaseModel):
    """A way to adapt a backbone whose own parameters come frozen.

    quantized: it goes with projections that are stored in 4 bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    trained: ClassVar[Trained] = "part"
    quantized: ClassVar[bool] = True

    def problems(self, config: Shape) -> list[str]:
        """Which of these settings do not fit a backbone, one sentence each."""
        return []

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """Options that `peft-sp tune` varies by default, with their values, in order.

        width, depth: of the backbone.
        """
        return {}

    def apply(self, backbone: Backbone) -> None:
        """Add to the backbone what is to be trained, or let parameters of its own be trained.

        Nothing else of it is. What is trained must be in the modules that compute the hidden
        states: the embeddings, the layers of the encoder, `prompts`.
        """
        raise NotImplementedError


class LastLayersMethod(Method):
    """A method that changes the last N layers."""

    layers: int | Literal["all"] = Field(default="all", description="the last N layers")

    def problems(self, config: Shape) -> list[str]:
        """A number of layers that the backbone does not have."""
        depth = config.num_hidden_layers
        if self.layers != "all" and not 1 <= self.layers <= depth:
            return [
                f"tuning.layers is {self.layers}; the backbone has {depth} layers, so give 1 to "
                f'{depth}, or "all"'
            ]
        return []

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """The number of layers, where there is a choice."""
        return {"layers": range(1, depth + 1)} if depth > 1 else {}

    def numbers(self, depth: int) -> range:
        """The layers that are changed, counted from 0."""
        return range(0 if self.layers == "all" else depth - self.layers, depth)
