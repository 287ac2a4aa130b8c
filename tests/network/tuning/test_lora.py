"""LoRA's and IA3's weights can be merged into the backbone's, and stand where they should."""

from __future__ import annotations

import copy

import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.network.tuning import IA3, LoRA
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


def test_only_the_last_layers_are_tuned(tiny_backbone):
    model = model_of(tiny_backbone, LoRA(layers=1))
    names = [n for n, p in model.encoder.named_parameters() if p.requires_grad]
    assert names and all("layer.1." in name for name in names)
    parts = ("query", "key", "value", "output.dense")
    assert {part for part in parts if any(part in n for n in names)} == set(parts)
    assert len(names) == 8


@pytest.mark.parametrize(("rslora", "scale"), [(False, 16 / 4), (True, 16 / 4**0.5)])
def test_alpha_over_the_rank_or_its_root_scales_what_is_added(tiny_backbone, rslora, scale):
    method = LoRA(rank=4, alpha=16, layers=1, dropout=0.0, rslora=rslora)
    model = model_of(tiny_backbone, method)
    perturb(model)
    query = model.encoder.encoder.base_model.model.encoder.layer[1].attention.self.query
    down, up = query.lora_A["default"].weight, query.lora_B["default"].weight
    hidden = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        added = query(hidden) - query.base_layer(hidden)
        torch.testing.assert_close(added, scale * hidden @ down.T @ up.T, atol=1e-5, rtol=1e-4)


def test_ia3_multiplies_keys_values_and_the_inner_layer(tiny_backbone):
    encoder = model_of(tiny_backbone, IA3()).encoder
    names = [n for n, p in encoder.named_parameters() if p.requires_grad]
    parts = ("attention.self.key", "attention.self.value")
    assert len(names) == 2 * 3 and all("ia3_l" in name for name in names)
    for part in parts:
        assert sum(part in name for name in names) == 2
