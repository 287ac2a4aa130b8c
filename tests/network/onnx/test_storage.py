"""Weights stored in fewer bytes, and what is read back of them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.inference.backends import OnnxBackend
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.onnx.storage import store
from peft_sp.network.settings import ModelSettings, StudentSettings
from peft_sp.network.tuning import Adapter, LoRA
from tests.support.networks import model_of, name_of, perturb

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7, "MKWVTFISLL" * 7]
RESIDUES = encode(SEQUENCES)
REAL = RESIDUES != PAD


def emissions(model):
    with torch.no_grad():
        return model(torch.from_numpy(RESIDUES)).emissions.numpy()


@pytest.mark.parametrize(("precision", "share"), [("float16", 0.55), ("int8", 0.45)])
@pytest.mark.parametrize("method", [LoRA(rank=4), Adapter()], ids=name_of)
def test_stored_in_fewer_bytes_it_computes_nearly_the_same(
    tiny_backbone, method, precision, share, tmp_path
):
    model = model_of(tiny_backbone, method)
    perturb(model)
    export_onnx(model, tmp_path / "whole.onnx")
    export_onnx(model, tmp_path / "small.onnx", precision)
    whole, small = (weights(onnx.load(tmp_path / name)) for name in ("whole.onnx", "small.onnx"))
    assert small < share * whole
    off = np.abs(OnnxBackend(tmp_path / "small.onnx").emissions(RESIDUES) - emissions(model))
    assert 1e-6 < off[REAL].max() < {"float16": 0.01, "int8": 0.2}[precision]


def weights(model):
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer)


def test_rounding_of_a_product():
    """Each column has its own scale; what float16 cannot hold stays as it is."""
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=(8, 3)) * [1, 1e3, 1e-3]).astype(np.float32)
    matrix[:, 2] = 0
    found = _reread(matrix, "int8")
    assert np.abs(found - matrix).max(axis=0) == pytest.approx(
        np.abs(matrix).max(axis=0) / 127 / 2, rel=1.0
    )
    assert not found[:, 2].any()
    half = _reread(matrix, "float16")
    assert np.array_equal(half, matrix.astype(np.float16).astype(np.float32))
    matrix[0, 0] = 1e5
    assert np.array_equal(_reread(matrix, "float16"), matrix)


def _reread(matrix, precision):
    """What a product's matrix is once it was stored."""
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("residues", ["n", len(matrix)]), ("product", ["n", matrix.shape[1]]))
    ]
    node = helper.make_node("MatMul", ["residues", "matrix"], ["product"])
    weight = numpy_helper.from_array(matrix, "matrix")
    graph = helper.make_graph([node], "one", shapes[:1], shapes[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    store(model, precision)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"residues": np.eye(len(matrix), dtype=np.float32)})[0]


def test_a_student_in_float16(tmp_path):
    torch.manual_seed(0)
    settings = ModelSettings(student=StudentSettings(width=16, hidden=8, convolutions=1))
    model = build_model(settings).eval()
    export_onnx(model, tmp_path / "model.onnx", "float16")
    found = OnnxBackend(tmp_path / "model.onnx").emissions(RESIDUES)
    np.testing.assert_allclose(found[REAL], emissions(model)[REAL], atol=0.01)
