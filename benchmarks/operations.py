"""Arithmetic of a network, counted from its shapes; for the other benchmarks."""

from __future__ import annotations

from peft_sp.biology.grammar import WINDOW, grammar
from peft_sp.network.backbone import Backbone
from peft_sp.network.model import SignalPeptideModel


def operations(model: SignalPeptideModel) -> int:
    """Multiplications and additions a window, of matrix products alone; LoRA's are not counted."""
    backbone = model.encoder
    assert isinstance(backbone, Backbone)
    config, tokens, width = backbone.network.config, WINDOW + 2, backbone.width
    layer = 4 * width * width + 2 * width * int(config.intermediate_size)
    attention = 2 * tokens * width
    return 2 * (backbone.depth * (layer + attention) + width * grammar().size) * tokens
