"""Backbones whose projections are stored in 4 bits: tuned, stored, exported, refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.errors import MissingExtraError, ModelError, RecipeError
from peft_sp.inference.loading import load
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.backbone import Backbones
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.encoders.quantization import count_parameters
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import Full, LoHa, LoRA, VeRA
from peft_sp.training.export import export
from tests.support.networks import perturb

RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN", "MKRXBZUOW" * 7]))
REAL = (RESIDUES != PAD).numpy()
NEEDED = "needs the extra quantized"


def settings_of(backbone, method=None, precision="nf4"):
    tuning = method or LoRA(rank=2, dropout=0.0)
    return ModelSettings(backbone=backbone, tuning=tuning, backbone_precision=precision)


@pytest.mark.quantized
@pytest.mark.parametrize("kind", ["esm2", "prott5"])
def test_a_model_on_it_is_trained_stored_and_exported(kind, tiny, tiny_backbone, tmp_path):
    pytest.importorskip("bitsandbytes", reason=NEEDED)
    backbone = tiny_backbone if kind == "esm2" else tiny(kind)
    settings = settings_of(backbone)
    torch.manual_seed(5)  # the head is drawn at random
    model = build_model(settings, Backbones()).eval()
    layer = model.encoder.layers[0]
    stored = layer.get_submodule(model.encoder.family.modules["up"][0])
    assert stored.weight.dtype == torch.uint8 and not stored.weight.requires_grad
    whole = build_model(settings_of(backbone, precision="float32")).eval()
    assert count_parameters(model) == count_parameters(whole)
    whole.head.load_state_dict(model.head.state_dict())
    with torch.no_grad():
        near = (model(RESIDUES).emissions - whole(RESIDUES).emissions)[REAL].abs().max()
    assert 0 < near < 0.5
    model(RESIDUES).emissions.square().mean().backward()
    grown = [p.grad for n, p in model.encoder.named_parameters() if "lora_B" in n]
    assert len(grown) == 8 and all(g.abs().sum() > 0 for g in grown)
    perturb(model)
    save_checkpoint(tmp_path / "m", model, settings, ModelConfig(name="x"), "# x\n")
    with torch.no_grad():
        expected = model(RESIDUES).emissions.numpy()
        again = load_checkpoint(tmp_path / "m", backbone)(RESIDUES).emissions.numpy()
    np.testing.assert_array_equal(again, expected)
    with pytest.raises(ModelError, match="a backbone in 4 bits has no graph"):
        export_onnx(model, tmp_path / "model.onnx")
    export(tmp_path / "m", tmp_path / "exported", backbone=backbone)
    exported = load(tmp_path / "exported").backend.emissions(RESIDUES.numpy())
    np.testing.assert_allclose(exported[REAL], expected[REAL], atol=1e-3)


@pytest.mark.quantized
def test_methods_that_it_has_not_are_refused(tiny_backbone):
    pytest.importorskip("bitsandbytes", reason=NEEDED)
    build_model(settings_of(tiny_backbone, VeRA(rank=4)))
    with pytest.raises(RecipeError, match=r'method = "loha" is not had on a backbone in 4 bits'):
        build_model(settings_of(tiny_backbone, LoHa()))
    with pytest.raises(RecipeError, match=r'backbone_precision "nf4" is too coarse'):
        build_model(settings_of(tiny_backbone, Full()))


def test_without_the_library_the_command_that_installs_it_is_named(tiny_backbone, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match=r"nf4.*pip install 'peft-sp\[quantized\]'"):
        build_model(settings_of(tiny_backbone))
