"""Low-rank adaptation (Hu et al. 2021) of attention projections, through `peft`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import EsmConfig, EsmModel


class LoRA(BaseModel):
    """Low-rank updates of query, key, value and output projections of the last N layers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["lora"] = "lora"
    layers: int | Literal["all"] = Field(default="all", description="the last N layers")
    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=8.0, gt=0, description="updates are scaled by alpha / rank")
    dropout: float = Field(default=0.1, ge=0, lt=1)

    def problems(self, config: EsmConfig) -> list[str]:
        """What of these settings the backbone cannot have, one sentence each."""
        found = []
        if self.layers != "all" and not 1 <= self.layers <= config.num_hidden_layers:
            found.append(
                f"tuning.layers is {self.layers}; the backbone has {config.num_hidden_layers} "
                f'layers, so give 1 to {config.num_hidden_layers}, or "all"'
            )
        if self.rank > config.hidden_size:
            found.append(
                f"tuning.rank is {self.rank}, more than the backbone's width of "
                f"{config.hidden_size}, where a low rank saves nothing"
            )
        return found

    def apply(self, encoder: EsmModel) -> PeftModel:
        """The encoder with low-rank updates; they start at zero and only they are trained."""
        from peft import LoraConfig, get_peft_model

        depth = encoder.config.num_hidden_layers
        count = depth if self.layers == "all" else self.layers
        numbers = "|".join(str(index) for index in range(depth - count, depth))
        projections = r"attention\.(self\.(query|key|value)|output\.dense)"
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]  # peft divides by any number
            lora_dropout=self.dropout,
            target_modules=rf"encoder\.layer\.({numbers})\.{projections}",
        )
        with warnings.catch_warnings():
            # peft asks transformers for attributes that the latter is renaming.
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(encoder, config)
