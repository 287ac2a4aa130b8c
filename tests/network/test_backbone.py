import json
from pathlib import Path

import pytest
import torch
from transformers import EsmModel, EsmTokenizer

from peft_sp.biology.alphabet import encode
from peft_sp.errors import ModelError
from peft_sp.network.backbone import (
    Backbone,
    load_encoder,
    locate,
    read_config,
    token_ids,
    weights_hash,
)

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]


def test_short_names_hub_ids_and_directories(tiny_backbone):
    for name in ("esm2-8M", "esm2_t6_8M", "esm2_t6_8M_UR50D", "facebook/esm2_t6_8M_UR50D"):
        assert locate(name) == "facebook/esm2_t6_8M_UR50D"
    assert locate("someone/their-esm2") == "someone/their-esm2"
    assert locate(tiny_backbone) == tiny_backbone
    for wrong in ("esm2-9M", "./nowhere", "/no/where"):
        with pytest.raises(ModelError, match="is no directory, no hub id"):
            locate(wrong)


def test_a_directory_without_a_model(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_config(str(tmp_path))


def test_a_model_that_is_no_esm(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="is a bert model, not an ESM-2"):
        read_config(str(tmp_path))


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
