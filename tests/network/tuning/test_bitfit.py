"""Which biases BitFit trains."""

from __future__ import annotations

from types import SimpleNamespace

from peft_sp.network.tuning import BitFit
from tests.support.networks import model_of


def test_the_biases_of_the_layers_are_trained_and_nothing_else(tiny_backbone):
    encoder = model_of(tiny_backbone, BitFit(layers=1)).encoder
    names = [n for n, p in encoder.named_parameters() if p.requires_grad]
    # Four projections of attention, two of the feed-forward block, two norms.
    assert len(names) == 8 and all("layer.1." in n and n.endswith("bias") for n in names)


def test_a_family_without_biases_is_refused():
    config = SimpleNamespace(model_type="t5", hidden_size=16, num_hidden_layers=2)
    assert BitFit().problems(config) == [
        'method = "bitfit" trains biases, and T5 (ProtT5, Ankh) has none'
    ]
