"""Backbones that are published as pickles become directories that recipes take."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from peft_sp.errors import ModelError
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.imports.importing import import_file
from tests.support import encoders


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A ProtT5 as the hub has it, and the safetensors of the same."""
    place = Path(encoders.write("prott5", tmp_path_factory.mktemp("hub") / "prott5"))
    state = load_file(place / "model.safetensors")
    state["encoder.embed_tokens.weight"] = state["shared.weight"]
    state["decoder.final_layer_norm.weight"] = state["lm_head.weight"] = torch.ones(16)
    pickled = place.parent / "pickled"
    shutil.copytree(place, pickled, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(state, pickled / "pytorch_model.bin")
    return place, pickled


def test_it_is_the_same_backbone_without_its_decoder(whole, tmp_path):
    place, pickled = whole
    written = import_file(pickled / "pytorch_model.bin", tmp_path / "own")
    assert written.what == "T5 (ProtT5, Ankh) of 2 layers, 16 wide"
    own = str(tmp_path / "own")
    assert weights_hash(load_encoder(own)) == weights_hash(load_encoder(str(place)))
    assert token_ids(own) == token_ids(str(place))
    files = {file.name for file in Path(own).iterdir()}
    assert files == {"config.json", "model.safetensors", "spiece.model"}


def test_a_part_of_it_is_refused_and_leaves_nothing(whole, tmp_path):
    shutil.copytree(whole[1], tmp_path / "part")
    state = torch.load(tmp_path / "part" / "pytorch_model.bin", weights_only=True)
    del state["encoder.block.1.layer.0.SelfAttention.q.weight"]
    torch.save(state, tmp_path / "part" / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"not a whole T5 .* 'encoder.block.1.layer.0"):
        import_file(tmp_path / "part" / "pytorch_model.bin", tmp_path / "own")
    assert not (tmp_path / "own").exists()
