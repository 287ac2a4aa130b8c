"""All of a backbone is trained, in full precision."""

from __future__ import annotations

import pytest

from peft_sp.errors import RecipeError
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import Full
from tests.support.networks import model_of


def test_training_all_of_a_coarse_backbone_is_refused(tiny_backbone):
    settings = ModelSettings(backbone=tiny_backbone, tuning=Full(), backbone_precision="bfloat16")
    with pytest.raises(RecipeError, match=r'too coarse.*method = "full"'):
        build_model(settings)


def test_all_that_hidden_states_depend_on_is_trained(tiny_backbone):
    encoder = model_of(tiny_backbone, Full()).encoder
    rest = {name.split(".")[1] for name, p in encoder.named_parameters() if not p.requires_grad}
    assert rest == {"contact_head"}, "no hidden state depends on it"
    assert Full().trained == "backbone"
