"""Where LoRA's updates stand, and how they are scaled."""

from __future__ import annotations

import pytest
import torch

from peft_sp.network.tuning import LoRA
from tests.support.networks import model_of, perturb


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
