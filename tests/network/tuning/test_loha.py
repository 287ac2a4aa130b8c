"""Where LoHa's updates stand."""

from __future__ import annotations

from peft_sp.network.tuning import LoHa
from tests.support.networks import model_of


def test_loha_updates_the_projections_of_attention(tiny_backbone):
    encoder = model_of(tiny_backbone, LoHa(layers=1, rank=2)).encoder
    trained = {n: p for n, p in encoder.named_parameters() if p.requires_grad}
    assert len(trained) == 4 * 4 and all("layer.1." in name for name in trained)
    assert sum(p.numel() for p in trained.values()) == 4 * 4 * 2 * 32
