"""Nothing of a frozen backbone is trained."""

from __future__ import annotations

from peft_sp.network.tuning import Frozen
from tests.support.networks import model_of


def test_nothing_of_the_backbone_is_trained(tiny_backbone):
    encoder = model_of(tiny_backbone, Frozen()).encoder
    assert not [name for name, p in encoder.named_parameters() if p.requires_grad]
    assert Frozen().trained == "nothing" and encoder.untouched == encoder.depth
