"""Low-rank adaptation (Hu et al. 2021) and IA3 (Liu et al. 2022), through `peft`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from peft_sp.network.tuning.method import LastLayersMethod

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import EsmConfig

    from peft_sp.network.backbone import Backbone


class LoRA(LastLayersMethod):
    """Low-rank updates of query, key, value and output projections of the last N layers.

    The updates start at zero. dora: the size of each updated weight row is trained apart
    from its direction (Liu et al. 2024); rslora: updates are scaled by alpha / sqrt(rank)
    (Kalajdzievski 2023) instead of alpha / rank.
    """

    method: Literal["lora"] = "lora"
    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=8.0, gt=0, description="updates are scaled by alpha / rank")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    dora: bool = False
    rslora: bool = False

    def problems(self, config: EsmConfig) -> list[str]:
        """Layers that the backbone does not have, or a rank above the backbone's width."""
        problems = super().problems(config)
        if self.rank > config.hidden_size:
            problems.append(
                f"tuning.rank is {self.rank}, more than the backbone's width of "
                f"{config.hidden_size}, where a low rank saves nothing"
            )
        return problems

    def apply(self, backbone: Backbone) -> None:
        """Wrap the encoder by `peft`, which adds the low-rank updates."""
        from peft import LoraConfig

        _wrap(
            backbone,
            LoraConfig(
                r=self.rank,
                lora_alpha=self.alpha,  # type: ignore[arg-type]  # peft divides by any number
                lora_dropout=self.dropout,
                use_dora=self.dora,
                use_rslora=self.rslora,
                target_modules=_modules(
                    self.numbers(backbone.depth),
                    r"attention\.(self\.(query|key|value)|output\.dense)",
                ),
            ),
        )


class IA3(LastLayersMethod):
    """Trained factors of keys, values and inner feed-forward activations, all 1 at the start."""

    method: Literal["ia3"] = "ia3"

    def apply(self, backbone: Backbone) -> None:
        """Wrap the encoder by `peft`, which adds the factors."""
        from peft import IA3Config

        numbers = self.numbers(backbone.depth)
        _wrap(
            backbone,
            IA3Config(
                target_modules=_modules(numbers, r"(attention\.self\.(key|value)|output\.dense)"),
                feedforward_modules=_modules(numbers, r"output\.dense"),
            ),
        )


def _modules(numbers: range, names: str) -> str:
    """A pattern for `peft` of modules in some layers; it matches whole names."""
    layers = "|".join(map(str, numbers))
    return rf"encoder\.layer\.({layers})\.{names}"


def _wrap(backbone: Backbone, config: PeftConfig) -> None:
    from peft import get_peft_model

    with warnings.catch_warnings():
        # peft asks transformers for attributes that the latter is renaming.
        warnings.simplefilter("ignore", FutureWarning)
        backbone.encoder = get_peft_model(backbone.esm, config)
