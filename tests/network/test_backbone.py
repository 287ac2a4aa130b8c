from pathlib import Path

import pytest
import torch
from transformers import EsmModel, EsmTokenizer

from peft_sp.biology.alphabet import encode
from peft_sp.network.backbone import Backbone, load_encoder, weights_hash
from peft_sp.network.backbone_files import token_ids

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]


def test_hidden_states_equal_the_reference_library(tiny_backbone):
    """Our tokens, masks and trimming give what its tokenizer and model give."""
    tokenizer = EsmTokenizer.from_pretrained(tiny_backbone)
    reference = EsmModel.from_pretrained(tiny_backbone, add_pooling_layer=False).eval()
    ours = Backbone(load_encoder(tiny_backbone).eval(), token_ids(tiny_backbone))
    with torch.no_grad():
        together = ours(torch.from_numpy(encode(SEQUENCES)))
        for row, sequence in enumerate(SEQUENCES):
            tokens = tokenizer(sequence, return_tensors="pt")
            expected = reference(**tokens).last_hidden_state[0, 1:-1]
            found = together[row, : len(sequence)]
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_hash_is_of_the_weights_not_of_the_file(tiny_backbone, tmp_path):
    encoder = load_encoder(tiny_backbone)
    first = weights_hash(encoder)
    encoder.save_pretrained(tmp_path, max_shard_size="20kB")
    (tmp_path / "vocab.txt").write_text((Path(tiny_backbone) / "vocab.txt").read_text())
    again = load_encoder(str(tmp_path))
    assert weights_hash(again) == first
    with torch.no_grad():
        next(again.parameters()).add_(1e-3)
    assert weights_hash(again) != first


@pytest.mark.integration
def test_the_real_backbone(shared):
    place = str(shared / "backbones" / "esm2_t6_8M")
    encoder = load_encoder(place)
    assert encoder.config._attn_implementation == "sdpa"
    assert sum(p.numel() for p in encoder.parameters()) > 7_000_000
    assert token_ids(place)["<pad>"] == 1
