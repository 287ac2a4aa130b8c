"""Facts of T5's protein encoders: no <cls>, two conventions of tokens, whole checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from peft_sp.errors import ModelError
from peft_sp.network.backbone import Backbone, load_encoder, weights_hash
from peft_sp.network.backbone_files import token_ids


def test_prott5_reads_rare_residues_as_x_and_ankh_as_what_they_are(tiny):
    prott5, ankh = token_ids(tiny("prott5")), token_ids(tiny("ankh"))
    assert "<cls>" not in prott5 and (prott5["<pad>"], prott5["<eos>"], prott5["A"]) == (0, 1, 3)
    assert len({prott5[letter] for letter in "XBZUO"}) == 1
    assert len({ankh[letter] for letter in "XBZUO"}) == 5 and ankh["A"] == 3


def test_a_window_has_one_token_more_than_residues(tiny):
    backbone = Backbone(load_encoder(tiny("prott5")), token_ids(tiny("prott5")))
    tokens, inside = backbone.tokens(torch.tensor([[0, 1, 25], [0, 1, 2]]))
    assert tokens[0].tolist() == [3, backbone.lookup[1], 1, 0]
    assert inside.tolist() == [[True, True, True, False], [True] * 4]


def test_of_a_whole_checkpoint_the_encoder_alone_is_read(tiny, tmp_path):
    place = Path(shutil.copytree(tiny("prott5"), tmp_path / "copy"))
    state = load_file(place / "model.safetensors")
    other = {
        "decoder.block.0.layer.0.SelfAttention.q.weight": torch.ones(3),
        "lm_head.weight": torch.ones(3),
        "encoder.embed_tokens.weight": state["shared.weight"].clone(),
    }
    save_file(state | other, place / "model.safetensors")
    assert weights_hash(load_encoder(str(place))) == weights_hash(load_encoder(tiny("prott5")))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"feed_forward_proj": "gated-silu"}, "it must be relu or gated-gelu"),
        ({"feed_forward_proj": "gated-gelu"}, "not a whole T5"),
        ({"d_kv": 5}, "not a whole T5"),
        ({"relative_attention_num_buckets": 0}, "it must be an integer from 4 to 1,000"),
    ],
)
def test_settings_that_are_not_those_of_the_weights(keys, problem, tiny, tmp_path):
    place = Path(shutil.copytree(tiny("prott5"), tmp_path / "copy"))
    file = place / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))
    with pytest.raises(ModelError, match=problem):
        load_encoder(str(place))


def test_a_vocabulary_without_residues_is_refused(tiny, tmp_path):
    place = Path(shutil.copytree(tiny("ankh"), tmp_path / "copy"))
    (place / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"is missing: tokenizer\.json or spiece\.model"):
        token_ids(str(place))
    (place / "vocab.txt").write_text("<pad>\n</s>\nA\n")
    with pytest.raises(ModelError, match="lacks C, D, E"):
        token_ids(str(place))
