"""Exported networks are the networks they were made from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import EsmConfig, EsmModel

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.errors import ModelError
from peft_sp.inference.backends import OnnxBackend
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import (
    TOLERANCE,
    export_onnx,
    largest_difference,
    reference_emissions,
)
from peft_sp.network.onnx.plain import PlainBackbone
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import Frozen, Full, LoRA
from tests.support.networks import PROMPTS, UNCHANGED, model_of, name_of, perturb

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7, "MKWVTFISLL" * 7]
RESIDUES = encode(SEQUENCES)
REAL = RESIDUES != PAD


def emissions(model):
    with torch.no_grad():
        return model(torch.from_numpy(RESIDUES)).emissions.numpy()


@pytest.mark.parametrize("method", [*UNCHANGED, *PROMPTS], ids=name_of)
def test_exported_equals_torch_and_padding_changes_nothing(tiny_backbone, method, tmp_path):
    model = model_of(tiny_backbone, method)
    perturb(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert export_onnx(model, tmp_path / "model.onnx") < 1e-4
    backend = OnnxBackend(tmp_path / "model.onnx")
    expected, together = emissions(model), backend.emissions(RESIDUES)
    assert np.abs(expected[REAL]).max() > 0.1
    np.testing.assert_allclose(together[REAL], expected[REAL], atol=1e-4)
    for row, sequence in enumerate(SEQUENCES):
        alone = backend.emissions(encode([sequence]))[0]
        np.testing.assert_allclose(together[row, : len(sequence)], alone, atol=1e-5)
    np.testing.assert_allclose(backend.scores.starts, model.crf.starts.detach())
    # The model itself is not merged or changed.
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)


def test_a_backbone_in_bfloat16_is_exported_in_float32(tiny_backbone, tmp_path):
    settings = ModelSettings(
        backbone=tiny_backbone, tuning=LoRA(rank=4), backbone_precision="bfloat16"
    )
    model = build_model(settings).eval()
    perturb(model)
    export_onnx(model, tmp_path / "model.onnx")
    found = OnnxBackend(tmp_path / "model.onnx").emissions(RESIDUES)
    np.testing.assert_allclose(found[REAL], emissions(model.float())[REAL], atol=1e-4)


def test_weights_are_merged_and_the_graph_has_no_more_products(tiny_backbone, tmp_path):
    """A tuned backbone costs as much as a frozen one; only standard operators are used."""
    counts = {}
    for method in (Frozen(), LoRA(rank=4)):
        export_onnx(model_of(tiny_backbone, method), tmp_path / "model.onnx")
        graph = onnx.load(tmp_path / "model.onnx")
        assert {(entry.domain, entry.version) for entry in graph.opset_import} == {("", 17)}
        counts[method.method] = sum(node.op_type == "MatMul" for node in graph.graph.node)
    # Two layers: query, key and value in one, their two products, and three more; the head.
    assert counts == {"frozen": 13, "lora": 13}


def test_another_kind_of_esm_is_refused(tiny_backbone, tmp_path):
    config = EsmConfig.from_pretrained(tiny_backbone)
    config.position_embedding_type = "absolute"
    directory = tmp_path / "esm1b"
    EsmModel(config, add_pooling_layer=False).save_pretrained(directory)
    for file in Path(tiny_backbone).iterdir():
        if "token" in file.name or "vocab" in file.name:
            shutil.copy(file, directory)
    model = build_model(ModelSettings(backbone=str(directory), tuning=Frozen())).eval()
    with pytest.raises(ModelError, match="absolute positions cannot be exported"):
        export_onnx(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_network_too_large_for_one_file_is_refused(tiny_backbone, tmp_path):
    model = model_of(tiny_backbone, Frozen())
    with pytest.raises(ModelError, match="cannot be exported, since an ONNX file holds 2 GB"):
        export_onnx(model, tmp_path / "model.onnx", size_limit=10_000)


def test_an_export_that_differs_is_refused(tiny_backbone, tmp_path):
    model = model_of(tiny_backbone, Full())
    perturb(model)
    with pytest.raises(ModelError, match="exported network is off by"):
        export_onnx(model, tmp_path / "model.onnx", tolerance=0.0)


def test_the_comparison_sees_attention_to_padding(tiny_backbone, tmp_path):
    model = model_of(tiny_backbone, Full())
    perturb(model)  # before, attention hardly matters to so small random weights
    expected = reference_emissions(model)
    model.encoder = PlainBackbone(model.encoder, mask_bias=0.0)
    model.backbone_hash = None  # it is exported as it stands
    export_onnx(model, tmp_path / "model.onnx")
    difference, largest = largest_difference(expected, tmp_path / "model.onnx")
    assert difference > TOLERANCE * max(1.0, largest)
