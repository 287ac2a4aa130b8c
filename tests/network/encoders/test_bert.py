"""ProtBert's facts: its frame, its rare residues, its settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from peft_sp.errors import ModelError
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.network.backbone_files import token_ids


def test_rare_residues_are_x_between_cls_and_sep(tiny):
    tokens = token_ids(tiny("protbert"))
    assert (tokens["<pad>"], tokens["<cls>"], tokens["<eos>"]) == (0, 2, 3)
    assert tokens["A"] == 5 and {tokens[letter] for letter in "XBZUO"} == {25}


def test_a_checkpoint_as_the_hub_has_it_is_read(tiny, tmp_path):
    """With the prefix, the head and the norms' old names of the network that it was trained as."""
    place = Path(shutil.copytree(tiny("protbert"), tmp_path / "copy"))
    state = load_file(place / "model.safetensors")
    old = {
        f"bert.{k}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): t
        for k, t in state.items()
    }
    old["cls.predictions.bias"] = state["embeddings.LayerNorm.bias"].clone()
    save_file(old, place / "model.safetensors")
    assert weights_hash(load_encoder(str(place))) == weights_hash(load_encoder(tiny("protbert")))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"position_embedding_type": "relative_key"}, "it must be absolute"),
        ({"max_position_embeddings": 40}, "it must be an integer from 72 to 100,000"),
        ({"hidden_act": "swish"}, "it must be gelu or relu"),
        ({"num_attention_heads": 3}, "it must be a divisor of hidden_size"),
        ({"num_hidden_layers": 3}, r"not a whole BERT \(ProtBert\): it has 2 layers"),
        ({"vocab_size": 29}, "not a whole BERT"),
        ({"auto_map": {"AutoModel": "own.Own"}}, "asks for code of its own"),
    ],
)
def test_settings_that_are_not_those_of_the_weights(keys, problem, tiny, tmp_path):
    place = Path(shutil.copytree(tiny("protbert"), tmp_path / "copy"))
    file = place / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))
    with pytest.raises(ModelError, match=problem):
        load_encoder(str(place))
