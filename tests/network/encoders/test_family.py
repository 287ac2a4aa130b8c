"""One body of tests over all families: each is tuned, cached, stored and exported like ESM-2."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.inference.backends import OnnxBackend
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.activation_cache import cached_activations
from peft_sp.network.backbone import Backbone, Backbones, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import IA3, Adapter, Combined, Frozen, Full, LoRA, Prompt
from tests.support.encoders import KINDS, reference
from tests.support.networks import model_of, name_of, perturb

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7, "MKWVTFISLL" * 7]
RESIDUES = torch.from_numpy(encode(SEQUENCES))
REAL = (RESIDUES != PAD).numpy()
LORA = LoRA(rank=2, dropout=0.0)
ALL = Combined(lora=LORA, adapter=Adapter(bottleneck=3), prompt=Prompt(length=2, position="all"))
CASES = [(kind, method) for kind in KINDS for method in (LORA, ALL)]
CASES += [("prott5", Full()), ("protbert", IA3()), ("ankh", Adapter(layers=1, bottleneck=4))]
CASES += [("esmc", Frozen())]


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_equal_the_reference_library(kind, tiny):
    """Our tokens, masks and trimming give what its tokenizer and network give."""
    place = tiny(kind)
    backbone = Backbone(load_encoder(place).eval(), token_ids(place))
    with torch.no_grad():
        together = backbone(RESIDUES)
        for row, sequence in enumerate(SEQUENCES):
            expected = reference(kind, place, sequence)
            found = together[row, : len(sequence)]
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "method"), CASES, ids=lambda value: value if isinstance(value, str) else name_of(value)
)
def test_every_method_trains_what_it_says_and_is_stored_and_exported(kind, method, tiny, tmp_path):
    place = tiny(kind)
    model = model_of(place, method)
    fresh = model(RESIDUES).emissions
    if not isinstance(method, Combined):  # prompts change the network from the start
        model.head.load_state_dict((plain := model_of(place, Frozen())).head.state_dict())
        fresh = model(RESIDUES).emissions
        torch.testing.assert_close(fresh[REAL], plain(RESIDUES).emissions[REAL])
    encoder, _ = model.parameter_groups()
    fresh.square().mean().backward()
    assert all(p.grad is not None for p in encoder)
    perturb(model)
    with torch.no_grad():
        expected = model(RESIDUES).emissions.numpy()
        for row, sequence in enumerate(SEQUENCES[:3]):
            alone = model(torch.from_numpy(encode([sequence]))).emissions[0].numpy()
            np.testing.assert_allclose(expected[row, : len(sequence)], alone, atol=1e-5)
    assert np.abs(expected - fresh.detach().numpy())[REAL].max() > 0.01
    settings = ModelSettings(backbone=place, tuning=method)
    save_checkpoint(tmp_path, model, settings, ModelConfig(name="x"))
    again = load_checkpoint(tmp_path, place, Backbones())
    with torch.no_grad():
        np.testing.assert_array_equal(again(RESIDUES).emissions.numpy(), expected)
    export_onnx(model, tmp_path / "model.onnx")
    exported = OnnxBackend(tmp_path / "model.onnx").emissions(RESIDUES.numpy())
    np.testing.assert_allclose(exported[REAL], expected[REAL], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_layers_are_cached_with_the_frame_of_the_family(kind, tiny, tmp_path):
    model = build_model(ModelSettings(backbone=tiny(kind), tuning=LoRA(layers=1, rank=2))).eval()
    backbone = model.encoder
    assert backbone.untouched == 1
    backbone.activation_cache = None
    with torch.no_grad():
        expected = backbone(RESIDUES)
        rows = RESIDUES.numpy()
        cache = cached_activations(backbone, "0" * 16, rows, 1, tmp_path)
        assert cache.look_up(RESIDUES).shape[1] == RESIDUES.shape[1] + backbone.frame
        backbone.activation_cache = cache
        found = backbone(RESIDUES)
    torch.testing.assert_close(found[REAL], expected[REAL], atol=0.05, rtol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_networks_share_the_frozen_tensors_of_one(kind, tiny):
    backbones = Backbones()
    models = [
        build_model(ModelSettings(backbone=tiny(kind), tuning=LoRA(layers=1, rank=2)), backbones)
        for _ in range(2)
    ]
    first, second = (model.encoder.family.table(model.encoder.network) for model in models)
    assert first.data_ptr() == second.data_ptr()
