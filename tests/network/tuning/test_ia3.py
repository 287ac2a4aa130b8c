"""Where IA3's factors stand."""

from __future__ import annotations

from peft_sp.network.tuning import IA3
from tests.support.networks import model_of


def test_ia3_multiplies_keys_values_and_the_inner_layer(tiny_backbone):
    encoder = model_of(tiny_backbone, IA3()).encoder
    names = [n for n, p in encoder.named_parameters() if p.requires_grad]
    parts = ("attention.self.key", "attention.self.value")
    assert len(names) == 2 * 3 and all("ia3_l" in name for name in names)
    for part in parts:
        assert sum(part in name for name in names) == 2
