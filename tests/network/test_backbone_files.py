"""Backbones are read as data: what could run, fill memory or be another network is refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from peft_sp.errors import ModelError
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.network.backbone_files import NAMES, REVISIONS, locate, read_config, token_ids
from tests.support.hub_server import running


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


def test_a_model_of_no_known_family(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ModelError, match=r"is a gpt2 model, of no family .* ESM-2, ESM C, BERT"):
        read_config(str(tmp_path))


def test_every_published_backbone_is_pinned_to_a_commit():
    assert REVISIONS.keys() == set(NAMES.values())
    assert all(len(commit) == 40 for commit in REVISIONS.values())


@pytest.fixture
def copy(tiny_backbone, tmp_path):
    return Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))


def set_keys(directory, **keys):
    file = directory / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def refused(directory, problem):
    with pytest.raises(ModelError, match=problem) as caught:
        load_encoder(str(directory))
        token_ids(str(directory))
    assert "\n" not in str(caught.value) and str(directory) in str(caught.value)


def test_code_that_a_backbone_names_is_not_run(copy, monkeypatch):
    code = "from pathlib import Path\nPath('sprung').touch()\nfrom transformers import EsmConfig\n"
    (copy / "own.py").write_text(code + "class Own(EsmConfig):\n    model_type = 'esm'\n")
    monkeypatch.chdir(copy)
    set_keys(copy, auto_map={"AutoConfig": "own.Own", "AutoModel": "own.Own"})
    refused(copy, r"asks for code of its own \(auto_map\), which is never run")
    set_keys(copy, model_type="own")
    refused(copy, "is a own model, of no family")
    assert not (copy / "sprung").exists()


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def test_pickles_are_not_read(copy, monkeypatch):
    monkeypatch.chdir(copy)
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    refused(copy, r"has no model.safetensors, and no pickle is read; 'peft-sp import FILE -o DIR")
    (copy / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    refused(copy, "cannot be read")
    assert not (copy / "sprung").exists()


def test_what_stands_beside_the_weights_is_not_followed(copy, tiny_backbone):
    """An adapter's file names another model, and other settings other libraries and classes."""
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "someone/another-model"}
    (copy / "adapter_config.json").write_text(json.dumps(adapter))
    tokenizer = {"auto_map": {"AutoTokenizer": ["own.Own", None]}, "tokenizer_class": "Own"}
    (copy / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    set_keys(copy, quantization_config={"quant_method": "own"}, is_folding_model=True)
    whole = weights_hash(load_encoder(tiny_backbone))
    assert weights_hash(load_encoder(str(copy))) == whole
    assert token_ids(str(copy)) == token_ids(tiny_backbone)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"num_hidden_layers": 10**9}, "it must be an integer from 1 to 1,000"),
        ({"num_hidden_layers": 900}, r"it has 2 layers, and its config\.json says 900"),
        ({"hidden_size": 99_996}, "is not a whole ESM-2"),
        ({"vocab_size": 34}, "is not a whole ESM-2"),
        ({"intermediate_size": 65}, "is not a whole ESM-2"),
        ({"max_position_embeddings": 10**12}, "it must be an integer from 1 to 100,000"),
        ({"num_attention_heads": 5}, "it must be a divisor of hidden_size"),
        ({"position_embedding_type": "own"}, "it must be absolute or rotary"),
        ({"token_dropout": "yes"}, "it must be true or false"),
        ({"rope_theta": None, "layer_norm_eps": "small"}, "it must be a number"),
    ],
)
def test_settings_that_are_not_those_of_the_weights(keys, problem, copy):
    set_keys(copy, **keys)
    refused(copy, problem)


def test_a_backbone_is_whole_or_refused(copy):
    state = load_file(copy / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    for change in ({name: torch.ones(3, 3)}, {"more": torch.ones(1)}):
        save_file({**state, **change}, copy / "model.safetensors")
        refused(copy, rf"is not a whole ESM-2 \(tensor '{next(iter(change))}'\)")
    save_file({k: t for k, t in state.items() if k != name}, copy / "model.safetensors")
    refused(copy, f"is not a whole ESM-2 .tensor '{name}'")


def test_a_backbone_as_the_hub_has_it_is_read(copy, tiny_backbone):
    """With the prefix and the heads of the network that it was trained as."""
    state = {f"esm.{k}": t for k, t in load_file(copy / "model.safetensors").items()}
    save_file({**state, "lm_head.bias": torch.ones(33)}, copy / "model.safetensors")
    whole = weights_hash(load_encoder(tiny_backbone))
    assert weights_hash(load_encoder(str(copy))) == whole


@pytest.mark.parametrize("file", ["../a.safetensors", "/a.safetensors", "a.bin", 3])
def test_an_index_lists_files_of_the_directory(file, copy):
    index = {"weight_map": {"a": file}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(copy, r"weight_map\.a is .*; it must be the name of a .safetensors file")


@pytest.mark.parametrize("file", ["config.json", "vocab.txt", "model.safetensors"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(file, copy):
    (copy / file).unlink()
    os.mkfifo(copy / file)
    refused(copy, "it is not a regular file")


@pytest.mark.integration
def test_without_a_network_a_fetched_backbone_is_read_and_another_refused_at_once(
    tiny_backbone, tmp_path, monkeypatch
):
    def use(address):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with running() as server:
        files = {file.name: file.read_bytes() for file in Path(tiny_backbone).iterdir()}
        names = "lab/tiny", f"lab/tiny@{server.commit('lab/tiny', files)}"
        use(server.address)
        there = [weights_hash(load_encoder(name)) for name in names]
        assert there == [weights_hash(load_encoder(tiny_backbone))] * 2
    use("http://hub.invalid")
    assert [weights_hash(load_encoder(name)) for name in names] == there
    for name in ("lab/other", "lab/tiny@v2"):
        with pytest.raises(ModelError, match=rf"'{name}' cannot be fetched: hub.invalid is not fo"):
            read_config(name)
