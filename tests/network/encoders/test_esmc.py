"""Facts of ESM C: its tokens, its settings, and libraries that do not have it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import transformers
from safetensors.torch import load_file, save_file

from peft_sp.errors import ModelError
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.network.backbone_files import token_ids


def test_every_residue_has_a_token_of_its_own(tiny):
    tokens = token_ids(tiny("esmc"))
    assert (tokens["<cls>"], tokens["<pad>"], tokens["<eos>"]) == (0, 1, 2)
    assert len(set(tokens.values())) == 28


def test_a_checkpoint_with_a_head_is_read(tiny, tmp_path):
    place = Path(shutil.copytree(tiny("esmc"), tmp_path / "copy"))
    state = {f"esmc.{k}": t for k, t in load_file(place / "model.safetensors").items()}
    state["lm_head.dense.bias"] = state["esmc.norm.weight"].clone()
    save_file(state, place / "model.safetensors")
    assert weights_hash(load_encoder(str(place))) == weights_hash(load_encoder(tiny("esmc")))


def test_stretched_positions_are_refused(tiny, tmp_path):
    place = Path(shutil.copytree(tiny("esmc"), tmp_path / "copy"))
    content = json.loads((place / "config.json").read_text())
    content["rope_parameters"] = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0}
    (place / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"rope_parameters is .*; it must be a table with"):
        load_encoder(str(place))


def test_a_library_that_lacks_it_is_named(tiny, monkeypatch):
    monkeypatch.setattr(transformers, "EsmcConfig", None)
    with pytest.raises(ModelError, match=r"ESM C.* which the installed transformers does not have"):
        load_encoder(tiny("esmc"))
