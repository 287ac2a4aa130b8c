"""What a network costs by its shapes alone; for the other benchmarks."""

from __future__ import annotations

from peft_sp.biology.grammar import WINDOW
from peft_sp.network.backbone import Backbone
from peft_sp.network.model import SignalPeptideModel


def operations(model: SignalPeptideModel) -> int:
    """Multiplications and additions for a window, in products alone; without what LoRA adds."""
    backbone = model.encoder
    assert isinstance(backbone, Backbone)
    config, tokens, width = backbone.esm.config, WINDOW + 2, backbone.width
    layer = 4 * width * width + 2 * width * config.intermediate_size
    attention = 2 * tokens * width
    return 2 * (backbone.depth * (layer + attention) + width * 37) * tokens
