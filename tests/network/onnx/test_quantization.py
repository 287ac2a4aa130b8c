"""A small network whose products are computed in integers is still that network."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.inference.backends import OnnxBackend
from peft_sp.io.fasta import read_fasta
from peft_sp.io.registry.lookup import bundled
from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.onnx import quantization
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import ModelSettings, StudentSettings

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7, "MKWVTFISLL" * 7]
RESIDUES = encode(SEQUENCES)
REAL = RESIDUES != PAD


@pytest.fixture
def student() -> SignalPeptideModel:
    torch.manual_seed(1)
    shape = StudentSettings(width=32, convolutions=2, hidden=16)
    return build_model(ModelSettings(student=shape)).eval()


@pytest.fixture
def exported(student, tmp_path) -> OnnxBackend:
    export_onnx(student, tmp_path / "model.onnx", "int8")
    return OnnxBackend(tmp_path / "model.onnx")


def test_emissions_are_nearly_the_same(student, exported):
    with torch.no_grad():
        expected = student(torch.from_numpy(RESIDUES)).emissions.numpy()
    off = np.abs(exported.emissions(RESIDUES) - expected)[REAL]
    assert 1e-6 < off.max() < 0.05 * np.abs(expected[REAL]).max()


@pytest.mark.parametrize(
    "shape",
    [
        {"sequence": "attention", "heads": 2, "gated": True},
        {"sequence": "none", "dilations": [1, 2]},
    ],
    ids=["attention and gates", "convolutions alone"],
)
def test_a_student_of_another_shape_is_exported_too(shape, tmp_path):
    torch.manual_seed(1)
    settings = ModelSettings(student=StudentSettings(width=32, convolutions=2, **shape))
    student = build_model(settings).eval()
    assert export_onnx(student, tmp_path / "float.onnx") < 1e-4
    export_onnx(student, tmp_path / "model.onnx", "int8")
    backend = OnnxBackend(tmp_path / "model.onnx")
    test_emissions_are_nearly_the_same(student, backend)
    test_a_window_has_the_same_answer_in_any_company(backend)


def test_a_window_has_the_same_answer_in_any_company(exported):
    """As ranges measured in each batch would not give."""
    together = exported.emissions(RESIDUES)
    for row, sequence in enumerate(SEQUENCES):
        alone = exported.emissions(encode([sequence]))[0]
        np.testing.assert_allclose(together[row, : len(sequence)], alone, atol=1e-5)


def test_products_of_blocks_are_integers_of_7_bits(exported, tmp_path):
    graph = onnx.load(tmp_path / "model.onnx").graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("MatMulIntegerToFloat") == 4, "two in each of the two blocks"
    assert kinds.count("MatMul") == 1, "emissions are computed in float32"
    named = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    whole = [values for name, values in named.items() if name.endswith(".integers")]
    assert len(whole) == 4
    for values in whole:
        assert values.dtype == np.int8 and np.abs(values).max() == quantization.WEIGHT_STEPS == 63
    read = {name for node in graph.node for name in node.input}
    assert set(named) <= read, "the weights themselves are gone"


def test_zero_is_a_step_whatever_the_range(exported, tmp_path):
    """Padding and what ReLU cuts off are exactly zero, and must stay so."""
    graph = onnx.load(tmp_path / "model.onnx").graph
    named = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    after_relu = [node for node in graph.node if node.op_type == "QuantizeLinear"][1::2]
    assert len(after_relu) == 2
    for node in after_relu:
        assert named[node.input[2]] == 0 and named[node.input[1]] > 0


def test_made_up_proteins_have_the_range_of_real_ones(ecoli):
    """Of a trained network: no activation of a real window is clipped."""
    model = onnx.load(bundled()["fast"] / "model.onnx")
    names = [n.input[0] for n in model.graph.node if n.op_type in ("MatMul", "QuantizeLinear")]
    measured = quantization.measured_ranges(model, names, quantization.made_up_proteins())
    windows = encode([protein.window for protein in read_fasta(ecoli)])
    real = quantization.measured_ranges(model, names, windows)
    for name in names:
        low, high = (value / quantization.MARGIN for value in real[name])
        assert measured[name][0] <= 0.95 * low and 0.95 * high <= measured[name][1]
