"""Where bottleneck adapters stand in a layer, and how wide they are by default."""

from __future__ import annotations

import torch

from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.tuning import Adapter
from tests.support.networks import model_of


def test_an_adapter_stands_before_the_residual_sum(tiny_backbone):
    model = model_of(tiny_backbone, Adapter(layers=1, bottleneck=4))
    plain = Backbone(load_encoder(tiny_backbone).eval(), token_ids(tiny_backbone))
    layer = model.encoder.layers[1]
    for block in (layer.attention.output, layer.output):
        # With a gain of zero the bottleneck adds its LayerNorm's bias to what it gets.
        torch.nn.init.ones_(block.dense.bottleneck.norm.bias)
    original = plain.layers[1]
    hidden = torch.randn(2, 5, 32)
    narrow = torch.randn(2, 5, 64)
    with torch.no_grad():
        for adapted, block, inner in (
            (layer.attention.output, original.attention.output, hidden),
            (layer.output, original.output, narrow),
        ):
            torch.testing.assert_close(adapted(inner, hidden), block(inner, hidden) + 1.0)
