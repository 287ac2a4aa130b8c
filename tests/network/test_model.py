import numpy as np
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.inference.backends import OnnxBackend, TorchBackend
from peft_sp.io.registry import lookup
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import ModelSettings
from tests.support.networks import STUDENT

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOWL" * 7, "MW"]


def test_one_by_one_is_batched_is_shuffled(model):
    backend = TorchBackend(model)
    together = backend.emissions(encode(SEQUENCES))
    shuffled = backend.emissions(encode(SEQUENCES[::-1]))[::-1]
    np.testing.assert_allclose(together, shuffled, atol=1e-5)
    for row, sequence in enumerate(SEQUENCES):
        alone = backend.emissions(encode([sequence]))[0]
        np.testing.assert_allclose(together[row, : len(sequence)], alone, atol=1e-5)


def test_dropout_acts_in_training(model):
    model.train()
    residues = torch.from_numpy(encode(SEQUENCES))
    assert not torch.equal(model(residues).emissions, model(residues).emissions)


def test_onnx_equals_torch(tmp_path):
    torch.manual_seed(0)
    model = build_model(ModelSettings(student=STUDENT)).eval()
    torch.nn.init.normal_(model.crf.transitions)
    export_onnx(model, tmp_path / lookup.ONNX)
    exported, original = OnnxBackend(tmp_path / lookup.ONNX, threads=1), TorchBackend(model)
    for batch in (SEQUENCES, ["M"], ["MKT" * 20] * 9):
        residues = encode(batch)
        found, expected = exported.emissions(residues), original.emissions(residues)
        for row, sequence in enumerate(batch):
            np.testing.assert_allclose(
                found[row, : len(sequence)], expected[row, : len(sequence)], atol=1e-4
            )
    for name in ("transitions", "starts", "ends"):
        np.testing.assert_array_equal(
            getattr(exported.scores, name), getattr(original.scores, name)
        )
