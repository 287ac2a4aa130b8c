"""Methods that `peft` implements: which modules they change, and that weights can be merged."""

from __future__ import annotations

import copy
import re

import peft
import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.tuning import IA3
from peft_sp.network.tuning.wrapping import modules_of_layers, wrap
from tests.support.networks import LORAS, model_of, name_of, perturb

RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]))


@pytest.mark.parametrize("method", [*LORAS, IA3(), IA3(layers=1)], ids=name_of)
def test_perturbed_weights_equal_merged_weights(tiny_backbone, method):
    model = model_of(tiny_backbone, method)
    perturb(model)
    with torch.no_grad():
        tuned = model.encoder(RESIDUES)
        merged = copy.deepcopy(model.encoder)
        merged.encoder = merged.encoder.merge_and_unload()
        torch.testing.assert_close(merged(RESIDUES), tuned, atol=1e-5, rtol=1e-5)


def test_modules_are_those_of_the_layers_and_no_others(tiny_backbone):
    backbone = Backbone(load_encoder(tiny_backbone), token_ids(tiny_backbone))
    pattern = re.compile(modules_of_layers(backbone, range(1, 3), ("query", "key")))
    names = [
        f"encoder.layer.{n}.attention.self.{part}"
        for n in (0, 1, 2, 12)
        for part in ["query", "key", "value"]
    ]
    assert [name for name in names if pattern.fullmatch(name)] == [
        f"encoder.layer.{n}.attention.self.{part}" for n in (1, 2) for part in ("query", "key")
    ]


@pytest.mark.parametrize(
    "config",
    [
        peft.PrefixTuningConfig(num_virtual_tokens=4),
        peft.PromptTuningConfig(num_virtual_tokens=4),
        peft.PromptEncoderConfig(num_virtual_tokens=4),
    ],
    ids=lambda config: type(config).__name__,
)
def test_prompt_learning_of_peft_is_refused_for_it_would_do_nothing(tiny_backbone, config):
    backbone = Backbone(load_encoder(tiny_backbone), token_ids(tiny_backbone))
    name = type(config).__name__
    with pytest.raises(ValueError, match=f'{name} of peft has no effect .* method = "prompt"'):
        wrap(backbone, config)
    assert backbone.encoder is backbone.network, "and nothing was wrapped"
