"""One network for every tuning method, as built and as if trained."""

from __future__ import annotations

import torch

from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.settings import ModelSettings, StudentSettings
from peft_sp.network.tuning import (
    IA3,
    Adapter,
    BitFit,
    Combined,
    Frozen,
    Full,
    LoHa,
    LoRA,
    Prompt,
    Tuning,
    VeRA,
)

STUDENT = StudentSettings(width=16, hidden=8, convolutions=2, kernel=5)
"""A student small enough for tests."""

LORAS = [
    LoRA(rank=4, dropout=0.0),
    LoRA(layers=1, rank=2, alpha=16, dropout=0.0),
    LoRA(rank=4, dropout=0.0, dora=True),
    LoRA(rank=4, dropout=0.0, rslora=True),
]
# Methods whose network computes at first what the backbone alone computes, and the others.
UNCHANGED = [*LORAS, IA3(), IA3(layers=1), Adapter(), Adapter(layers=1, bottleneck=12), Frozen()]
UNCHANGED += [VeRA(rank=8), LoHa(rank=2, alpha=2), BitFit(layers=1)]
UNCHANGED += [Full(), Combined(lora=LORAS[1], adapter=Adapter(layers=1))]
PROMPTS = [
    Prompt(length=3),
    Prompt(length=30, mlp=8),
    Prompt(length=2, position="all"),
    Prompt(length=2, position="last", mlp=4),
    Prompt(length=2, position="topmost", layers=2),
    Combined(lora=LORAS[0], adapter=Adapter(bottleneck=4), prompt=Prompt(length=2, position="all")),
]


def name_of(method: Tuning) -> str:
    """A method and the settings that differ from its defaults."""
    if isinstance(method, Combined):
        return "+".join(name_of(part) for part in method.parts.values())
    default = type(method)()
    changed = [str(v) for k, v in method if v != getattr(default, k)]
    return "-".join([method.method, *changed])


def settings_of(backbone: str, method: Tuning) -> ModelSettings:
    return ModelSettings(backbone=backbone, tuning=method)


def model_of(backbone: str, method: Tuning) -> SignalPeptideModel:
    torch.manual_seed(5)
    return build_model(settings_of(backbone, method)).eval()


def perturb(model: SignalPeptideModel) -> None:
    """As if trained: every trainable tensor moved."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for group in model.parameter_groups():
            for parameter in group:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
