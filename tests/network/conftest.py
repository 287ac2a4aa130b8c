"""Networks that the tests of this room share."""

from __future__ import annotations

import pytest
import torch

from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import LoRA
from tests.support.networks import STUDENT


@pytest.fixture(params=["student", "lora"])
def settings(request, tiny_backbone):
    if request.param == "student":
        return ModelSettings(student=STUDENT)
    return ModelSettings(backbone=tiny_backbone, tuning=LoRA(rank=4))


@pytest.fixture
def model(settings):
    torch.manual_seed(0)
    model = build_model(settings)
    with torch.no_grad():  # a trained model has nothing left at zero
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()
