"""What computes emissions: ONNX Runtime, torch, or several networks as one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import helper

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.errors import ModelError
from peft_sp.inference.backends import (
    EnsembleBackend,
    OnnxBackend,
    TorchBackend,
    runtime,
)
from peft_sp.inference.decoding.crf_scores import Temperatures
from peft_sp.io.registry.graph_check import WINDOWS_PER_CALL
from peft_sp.io.registry.lookup import bundled
from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.settings import ModelSettings, StudentSettings
from tests.support.graphs import network

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOWL" * 7, "MW"]
STUDENT = StudentSettings(width=16, hidden=8, convolutions=2, kernel=5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(ModelSettings(student=STUDENT)).eval()


@pytest.fixture(scope="module")
def fast():
    return OnnxBackend(bundled()["fast"] / "model.onnx", threads=1)


def test_predicting_leaves_the_mode_as_it_was(model):
    model.train()
    backend = TorchBackend(model)
    first, second = (backend.emissions(encode(SEQUENCES)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert model.training


def test_predicting_leaves_a_model_where_it_is():
    model = build_model(ModelSettings(student=STUDENT)).to("meta")
    with pytest.raises(NotImplementedError):  # this device has no values to read scores from
        TorchBackend(model)
    assert model.head.weight.device.type == "meta"


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "model.onnx").write_text("no")
    with pytest.raises(ModelError, match="not a model of this program"):
        OnnxBackend(tmp_path / "model.onnx")


def test_a_large_batch_is_computed_in_parts_of_the_same_result(fast):
    residues = encode([*SEQUENCES * 20, "MKT"])
    assert len(residues) > 3 * WINDOWS_PER_CALL
    whole = fast.emissions(residues)
    assert whole.shape[:2] == residues.shape and whole.dtype == np.float32
    for row in (0, WINDOWS_PER_CALL - 1, WINDOWS_PER_CALL, len(residues) - 1):
        own = residues[row : row + 1]
        real = own[0] != PAD
        np.testing.assert_allclose(whole[row][real], fast.emissions(own)[0][real], atol=1e-4)


def test_an_ensemble_is_the_mean_of_emissions_and_scores(model):
    torch.manual_seed(1)
    other = build_model(ModelSettings(student=STUDENT)).eval()
    for own in (model, other):
        torch.nn.init.normal_(own.crf.transitions)
    members = [TorchBackend(model), TorchBackend(other, temperatures=Temperatures(3.0))]
    together = EnsembleBackend(members, Temperatures(1.5, 0.5, 2.0))
    residues = encode(SEQUENCES)
    expected = np.mean([member.emissions(residues) for member in members], axis=0)
    np.testing.assert_allclose(together.emissions(residues), expected, atol=1e-6)
    expected = np.mean([member.scores.transitions for member in members], axis=0)
    np.testing.assert_allclose(together.scores.transitions, expected, atol=1e-6)
    assert together.scores.temperatures == Temperatures(1.5, 0.5, 2.0)


def test_an_ensemble_works_at_the_pace_of_its_most_careful_member(model, fast):
    together = EnsembleBackend([TorchBackend(model), fast])
    assert (together.batch_size, together.concurrency) == (64, 1)
    assert together.runtime.startswith("torch ") and "; onnxruntime " in together.runtime


def test_what_computes_is_named_with_its_version(model, fast):
    assert runtime(fast).startswith("onnxruntime 1.")
    assert runtime(TorchBackend(model)).startswith(f"torch {torch.__version__} in float32 on cpu")


def test_under_bfloat16_emissions_are_nearly_those_in_float32(model):
    residues = encode(SEQUENCES)
    half = TorchBackend(model, precision="bfloat16").emissions(residues)
    whole = TorchBackend(model).emissions(residues)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half[residues != PAD], whole[residues != PAD], atol=0.05)


def test_a_batch_for_which_memory_is_short_is_halved(model):
    """As often as it takes; a single window that does not fit is an error of one line."""
    residues, given = encode(SEQUENCES), []
    expected = TorchBackend(model).emissions(residues)

    def forward(codes):
        given.append(len(codes))
        if len(codes) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB.")
        return SignalPeptideModel.forward(model, codes)

    model.forward, most = forward, 2
    backend = TorchBackend(model)
    for tries in ([5, 2, 2, 1], [2, 2, 1]):  # the size that fits is remembered
        given.clear()
        np.testing.assert_allclose(backend.emissions(residues), expected, atol=1e-6)
        assert sorted(given, reverse=True) == tries
    most = 0
    with pytest.raises(ModelError, match=r"fails at 5 windows \(CUDA out of memory\. Tried"):
        TorchBackend(model).emissions(residues)


def test_a_network_that_fails_at_what_it_is_given_is_one_line(tmp_path, capfd):
    """For all residues alike it works: only windows of three and more reach beyond the table."""
    node = helper.make_node
    nodes = [
        node("Shape", ["residues"], ["shape"]),
        node("Gather", ["shape", "zero"], ["windows"]),
        node("Gather", ["table", "windows"], ["row"]),
    ]
    weights = {"table": np.zeros(3, np.float32), "zero": np.array(0)}
    file = tmp_path / "model.onnx"
    file.write_bytes(network(nodes, weights).SerializeToString())
    backend = OnnxBackend(file, 1)
    assert backend.emissions(np.zeros((2, 5), np.uint8)).shape[:2] == (2, 5)
    with pytest.raises(ModelError, match=r"model\.onnx: the network fails at .*Gather") as caught:
        backend.emissions(np.zeros((3, 5), np.uint8))
    assert "\n" not in str(caught.value) and capfd.readouterr().err == ""


def test_a_network_that_does_not_know_a_residue_is_not_loaded(tmp_path):
    nodes = [
        helper.make_node("Cast", ["residues"], ["rows"], to=6),
        helper.make_node("Gather", ["table", "rows"], ["few"]),
    ]
    file = tmp_path / "model.onnx"
    content = network(nodes, {"table": np.zeros(20, np.float32)}).SerializeToString()
    file.write_bytes(content)
    with pytest.raises(ModelError, match="the network fails at what it is given"):
        OnnxBackend(file, 1)
