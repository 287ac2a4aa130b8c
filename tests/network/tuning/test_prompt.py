"""What prompts start as, and that each prompted layer has its own."""

from __future__ import annotations

import torch

from peft_sp.biology.alphabet import encode
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.tuning import Prompt
from tests.support.networks import model_of

RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]))


def test_a_first_prompt_starts_as_tokens_each_drawn_once(tiny_backbone):
    plain = Backbone(load_encoder(tiny_backbone), token_ids(tiny_backbone))
    table = plain.network.embeddings.word_embeddings.weight[plain.residue_tokens]
    vectors = model_of(tiny_backbone, Prompt(length=25)).encoder.prompts.vectors[0]
    drawn = torch.cdist(vectors, table).argmin(1)
    assert sorted(drawn.tolist()) == list(range(25))


def test_prompts_are_made_where_the_backbone_is(tiny_backbone):
    """A backbone that another network trained with may have moved to a device."""
    for position in ("first", "all", "last"):
        backbone = Backbone(load_encoder(tiny_backbone), token_ids(tiny_backbone)).to("meta")
        Prompt(length=2, position=position).apply(backbone)
        assert backbone.prompts.vectors.device.type == "meta"


def test_a_prompt_is_replaced_at_each_prompted_layer(tiny_backbone, monkeypatch):
    """What became of the vectors of one layer is not seen by the layers above."""
    model = model_of(tiny_backbone, Prompt(length=2, position="all")).encoder
    seen = {}
    for number, layer in enumerate(model.layers):
        forward = layer.forward

        def spy(hidden, number=number, forward=forward, **rest):
            seen[number] = hidden
            return forward(hidden, **rest)

        monkeypatch.setattr(layer, "forward", spy)
    with torch.no_grad():
        model(RESIDUES)
    for number, hidden in seen.items():
        assert hidden.shape[1] == 2 + 1 + 63 + 1
        expected = model.prompts.vectors[number].expand(4, -1, -1)
        assert torch.equal(hidden[:, :2], expected)
