"""A model's directory: what it holds, that it predicts the same, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from peft_sp.biology.alphabet import encode
from peft_sp.errors import ModelError
from peft_sp.inference.backends import TorchBackend
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import LoRA
from tests.support.networks import STUDENT

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOWL" * 7, "MW"]


def test_saved_is_loaded_the_same(model, settings, tmp_path):
    save_checkpoint(tmp_path, model, settings, ModelConfig(name="x"))
    again = load_checkpoint(tmp_path)
    residues = encode(SEQUENCES)
    np.testing.assert_array_equal(
        TorchBackend(again).emissions(residues), TorchBackend(model).emissions(residues)
    )
    for mine, theirs in zip(model.crf.parameters(), again.crf.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    names = {p.name for p in tmp_path.iterdir()}
    assert not any(name.endswith((".bin", ".pt", ".pkl", ".pickle")) for name in names)
    expected = {"config.json", "head.safetensors"}
    if settings.student is None:
        expected |= {"adapter_model.safetensors", "adapter_config.json"}
    else:
        expected |= {"encoder.safetensors"}
    assert names - {"README.md"} == expected


def test_an_adapter_is_read_by_peft_itself(tiny_backbone, tmp_path):
    from peft import PeftModel
    from transformers import EsmModel

    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA(rank=4))
    model = build_model(settings).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.normal_()
    save_checkpoint(tmp_path, model, settings, ModelConfig())
    plain = EsmModel.from_pretrained(tiny_backbone, add_pooling_layer=False)
    tuned = PeftModel.from_pretrained(plain, str(tmp_path)).eval()
    tokens = {"input_ids": torch.tensor([[0, 20, 15, 5, 2]])}
    with torch.no_grad():
        found = tuned(**tokens).last_hidden_state
        expected = model.encoder.encoder(**tokens).last_hidden_state
    torch.testing.assert_close(found, expected)


def test_another_backbone_is_refused(tiny_backbone, tmp_path):
    from peft_sp.network.backbone import load_encoder

    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA())
    save_checkpoint(tmp_path / "model", build_model(settings), settings, ModelConfig())
    other = load_encoder(tiny_backbone)
    with torch.no_grad():
        next(other.parameters()).add_(0.01)
    other.save_pretrained(tmp_path / "other")
    vocabulary = (Path(tiny_backbone) / "vocab.txt").read_text()
    (tmp_path / "other" / "vocab.txt").write_text(vocabulary)
    with pytest.raises(ModelError, match="was trained on a backbone with the hash"):
        load_checkpoint(tmp_path / "model", str(tmp_path / "other"))
    load_checkpoint(tmp_path / "model", tiny_backbone)


@pytest.mark.parametrize("damage", ["missing", "cut", "config", "format"])
def test_a_broken_directory_is_refused(damage, tmp_path):
    settings = ModelSettings(student=STUDENT)
    save_checkpoint(tmp_path, build_model(settings), settings, ModelConfig())
    head, config = tmp_path / "head.safetensors", tmp_path / "config.json"
    if damage == "missing":
        head.unlink()
    elif damage == "cut":
        head.write_bytes(head.read_bytes()[:100])
    elif damage == "config":
        config.write_text("{")
    else:
        config.write_text(config.read_text().replace('"format": 2', '"format": 9'))
    with pytest.raises(ModelError):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("before", "behind", "said"),
    [
        ('"kind": "linear"', '"kind": "own"', "head.kind 'own' is none of linear, mlp, lstm, and"),
        ('"method": "lora"', '"method": "own"', "tuning method 'own' is not known here, and no"),
    ],
)
def test_what_a_package_offered_that_is_not_installed_is_named(
    before, behind, said, tiny_backbone, tmp_path
):
    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA())
    save_checkpoint(tmp_path, build_model(settings), settings, ModelConfig())
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace(before, behind))
    with pytest.raises(ModelError, match=f"cannot be used .*{said}"):
        load_checkpoint(tmp_path, tiny_backbone)


def test_an_adapter_that_is_not_whole_is_refused(tiny_backbone, tmp_path):
    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA())
    save_checkpoint(tmp_path, build_model(settings), settings, ModelConfig())
    adapter = load_file(tmp_path / "adapter_model.safetensors")
    save_file(dict(list(adapter.items())[:3]), tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="tensors that do not match"):
        load_checkpoint(tmp_path)


def test_a_backbone_that_moved_is_asked_for(tiny_backbone, tmp_path):
    shutil.copytree(tiny_backbone, tmp_path / "backbone")
    settings = ModelSettings(backbone=str(tmp_path / "backbone"), tuning=LoRA())
    save_checkpoint(tmp_path / "model", build_model(settings), settings, ModelConfig())
    (tmp_path / "backbone").rename(tmp_path / "elsewhere")
    card = tmp_path / "model" / "README.md"
    for text, end in (
        ("Backbone: see elsewhere.", "--backbone"),
        ("Give it by `--backbone x`.", f"--backbone (the model's card, {card}, says which)"),
    ):
        card.write_text(text)
        with pytest.raises(ModelError, match=r"is no directory, .*; give it with") as caught:
            load_checkpoint(tmp_path / "model")
        assert str(caught.value).endswith(f"; give it with {end}")
    load_checkpoint(tmp_path / "model", str(tmp_path / "elsewhere"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("file", ["head", "encoder"])
def test_weights_that_are_no_numbers_are_refused(file, value, tmp_path):
    settings = ModelSettings(student=STUDENT)
    save_checkpoint(tmp_path, build_model(settings), settings, ModelConfig())
    path = tmp_path / f"{file}.safetensors"
    state = load_file(path)
    name = next(iter(state))
    state[name].view(-1)[-1] = value
    save_file(state, path)
    with pytest.raises(ModelError, match=f"{file}.safetensors: holds NaN or infinite .*'{name}'"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("size", [{"width": 8192, "convolutions": 100}, {"width": 10**12}])
def test_settings_of_another_size_than_the_weights_take_no_memory(size, tmp_path):
    settings = ModelSettings(student=STUDENT)
    save_checkpoint(tmp_path, build_model(settings), settings, ModelConfig())
    config = json.loads((tmp_path / "config.json").read_text())
    config["settings"]["student"].update(size)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"(not a whole model|cannot be used) \(") as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_model_has_no_backbone_fetched_but_the_published_ones(
    tiny_backbone, tmp_path, monkeypatch
):
    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA(rank=2))
    save_checkpoint(tmp_path, build_model(settings).eval(), settings, ModelConfig())
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace(json.dumps(tiny_backbone)[1:-1], "attacker/beacon"))
    asked = []

    def ask(repository, *_, **__):
        asked.append(repository)
        raise OSError("no such file")

    for name in ("hf_hub_download", "try_to_load_from_cache"):
        monkeypatch.setattr(f"huggingface_hub.{name}", ask)
    with pytest.raises(ModelError, match=r"'attacker/beacon' is none of the published.*--backbone"):
        load_checkpoint(tmp_path)
    assert asked == []
    with pytest.raises(ModelError, match="'attacker/beacon' cannot be fetched"):
        load_checkpoint(tmp_path, "attacker/beacon")  # as the user says
    assert asked == ["attacker/beacon"]


@pytest.mark.parametrize("file", ["head.safetensors", "adapter_model.safetensors"])
def test_tensors_that_only_a_header_has_are_not_read(file, tiny_backbone, tmp_path):
    """Gigabytes, of which none is on the disk."""
    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA(rank=2))
    save_checkpoint(tmp_path, build_model(settings).eval(), settings, ModelConfig())
    size = 2**32
    entry = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    header = json.dumps({"head.weight": entry}).encode()
    with open(tmp_path / file, "wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        stream.truncate(8 + len(header) + size)
    with pytest.raises(ModelError, match=r"tensors that do not match: .'head.weight'"):
        load_checkpoint(tmp_path)
