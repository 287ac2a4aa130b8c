"""Several methods at once: LoRA inside the layers, bottlenecks behind them, prompts before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from peft_sp.network.tuning.adapter import Adapter
from peft_sp.network.tuning.lora import LoRA
from peft_sp.network.tuning.method import Method, Values
from peft_sp.network.tuning.prompt import Prompt

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Shape


class Combined(Method):
    """Two or all three of LoRA, adapters and prompts, each with the options that it has alone."""

    method: Literal["combined"] = "combined"
    lora: LoRA | None = None
    adapter: Adapter | None = None
    prompt: Prompt | None = None

    @model_validator(mode="after")
    def _several(self) -> Combined:
        if len(self.parts) < 2:
            raise ValueError(
                "combines two or three of [tuning.lora], [tuning.adapter] and [tuning.prompt]; of "
                "one alone give its own method"
            )
        return self

    @property
    def parts(self) -> dict[str, Method]:
        """The methods by their names, in the order in which they are applied.

        LoRA first: what `peft` wraps must be a projection, and a bottleneck comes behind it.
        """
        every = {"lora": self.lora, "adapter": self.adapter, "prompt": self.prompt}
        return {name: part for name, part in every.items() if part is not None}

    def problems(self, config: Shape) -> list[str]:
        """What each of the methods says of the backbone."""
        return [
            problem.replace("tuning.", f"tuning.{name}.")
            for name, part in self.parts.items()
            for problem in part.problems(config)
        ]

    def search_candidates(self, width: int, depth: int) -> dict[str, Values]:
        """The options of each method."""
        return {
            f"{name}.{option}": values
            for name, part in self.parts.items()
            for option, values in part.search_candidates(width, depth).items()
        }

    def apply(self, backbone: Backbone) -> None:
        """Apply one after the other."""
        for part in self.parts.values():
            part.apply(backbone)
