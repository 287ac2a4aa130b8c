"""Facts of ESM-2. What all families share is in test_family.py, the rest in test_backbone*.py."""

from __future__ import annotations

import torch

from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.encoders import FAMILIES, family_named


def test_the_last_feed_forward_block_runs_on_chosen_tokens_alone(tiny_backbone):
    backbone = Backbone(load_encoder(tiny_backbone).eval(), token_ids(tiny_backbone))
    tokens, inside = backbone.tokens(torch.tensor([[0, 1, 2, 3]]))
    chosen = torch.zeros_like(inside)
    chosen[0, 2] = True
    seen = []
    backbone.layers[-1].intermediate.register_forward_hook(lambda _, given, __: seen.append(given))
    with torch.no_grad():
        at = backbone.hidden_at(tokens, inside, chosen)
        whole = backbone(torch.tensor([[0, 1, 2, 3]]))
    assert seen[0][0].shape[0] == 1
    torch.testing.assert_close(at[0], whole[0, 1])


def test_families_are_an_allow_list():
    assert [family.model_type for family in FAMILIES] == ["esm", "esmc", "bert", "t5"]
    assert family_named("roberta") is None and family_named(["esm"]) is None
