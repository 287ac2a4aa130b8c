"""Work of several threads on a GPU, and that nothing changes where there is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.inference.backends import EnsembleBackend, TorchBackend
from peft_sp.inference.hardware.streams import own_stream
from peft_sp.inference.predictor import Predictor
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings, StudentSettings
from tests.support.devices import gpu

STUDENT = StudentSettings(width=16, hidden=8, convolutions=2, kernel=5)
WINDOWS = [
    "MKKTAIAIAVALAGFATVAQAAPKD"[: 5 + n % 20] + "GSTNPQ"[n % 6] * (n % 45) for n in range(90)
]


def students(count: int) -> list:
    torch.manual_seed(3)
    return [build_model(ModelSettings(student=STUDENT)).eval() for _ in range(count)]


def test_without_a_gpu_nothing_is_entered():
    with own_stream(None), own_stream(None):
        found = TorchBackend(students(1)[0]).tensors(encode(WINDOWS))
    assert found.device.type == "cpu"


@gpu
@pytest.mark.gpu
def test_threads_on_a_gpu_give_the_predictions_of_the_processor():
    torch.backends.cudnn.allow_tf32 = False
    here = EnsembleBackend([TorchBackend(model) for model in students(2)])
    there = EnsembleBackend([TorchBackend(model, "cuda:0") for model in students(2)])
    assert here.gpu is None and there.gpu == "cuda:0" and there.concurrency > 1
    residues = encode(WINDOWS)
    expected = here.emissions(residues)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(there.tensors, [residues] * 12):
            np.testing.assert_allclose(found.cpu().numpy(), expected, atol=1e-4)
    proteins = [(str(n), window) for n, window in enumerate(WINDOWS)]
    for a, b in zip(
        Predictor(here).predict(proteins),
        Predictor(there).predict(proteins, batch_size=8),
        strict=True,
    ):
        assert (a.type, a.cleavage_site, a.regions) == (b.type, b.cleavage_site, b.regions)
        assert list(a.probabilities.values()) == pytest.approx(
            list(b.probabilities.values()), abs=1e-5
        )
