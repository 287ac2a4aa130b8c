"""Heads give the same emissions in any batch, are stored, exported, and checked as settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.inference.backends import OnnxBackend
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import HeadSettings, ModelSettings
from tests.support.networks import STUDENT, perturb

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]
RESIDUES = torch.from_numpy(encode(SEQUENCES))
REAL = (RESIDUES != PAD).numpy()


@pytest.mark.parametrize(("kind", "tensors"), [("linear", 2), ("mlp", 4), ("lstm", 10)])
def test_a_head_is_trained_stored_and_exported(kind, tensors, tmp_path):
    hidden = None if kind == "linear" else 6
    settings = ModelSettings(student=STUDENT, head=HeadSettings(kind=kind, hidden=hidden))
    torch.manual_seed(0)
    model = build_model(settings).eval()
    perturb(model)
    assert len([n for n in model.trainable_state() if n.startswith("head.")]) == tensors
    model(RESIDUES).emissions.square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.head.parameters())
    with torch.no_grad():
        expected = model(RESIDUES).emissions.numpy()
        for row, sequence in enumerate(SEQUENCES):
            alone = model(torch.from_numpy(encode([sequence]))).emissions[0].numpy()
            np.testing.assert_allclose(expected[row, : len(sequence)], alone, atol=1e-5)
        save_checkpoint(tmp_path, model, settings, ModelConfig(name="x"))
        again = load_checkpoint(tmp_path)(RESIDUES).emissions.numpy()
    np.testing.assert_array_equal(again, expected)
    export_onnx(model, tmp_path / "model.onnx")
    exported = OnnxBackend(tmp_path / "model.onnx").emissions(RESIDUES.numpy())
    np.testing.assert_allclose(exported[REAL], expected[REAL], atol=1e-4)


def test_hidden_units_are_as_many_as_the_states_by_default():
    sizes = {}
    for kind in ("mlp", "lstm"):
        model = build_model(ModelSettings(student=STUDENT, head=HeadSettings(kind=kind)))
        sizes[kind] = model.head.in_features
    assert sizes == {"mlp": 2 * STUDENT.hidden, "lstm": 2 * STUDENT.hidden}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": "cnn"}, "head.kind 'cnn' is none of linear, mlp, lstm, and no installed package"),
        ({"hidden": 8}, 'head.hidden has no effect with kind = "linear"'),
        ({"kind": "mlp", "options": {"a": 1}}, 'head.options have no effect with kind = "mlp"'),
    ],
)
def test_options_that_do_nothing_are_refused(values, problem):
    with pytest.raises(ValidationError, match=problem):
        HeadSettings(**values)
