"""What `--device` means, for torch and for ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from peft_sp.errors import ModelError, OptionError
from peft_sp.inference.hardware.devices import CPU, Device, parse_device
from peft_sp.inference.predictor import Predictor

FILE = Path("model.onnx")
EVERY = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
PLAIN = EVERY[-1:]


def names(device: Device, available, integers=False) -> list[str]:
    return [name for name, _ in device.of_onnx_runtime(available, integers, FILE)]


def test_devices_are_read_from_text():
    for text, device in {
        "auto": Device("auto"),
        "cpu": CPU,
        "cuda": Device("cuda"),
        "cuda:3": Device("cuda", 3),
        "tensorrt:1": Device("tensorrt", 1),
    }.items():
        assert parse_device(text) == device


@pytest.mark.parametrize("text", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "CUDA", "mps"])
def test_another_text_is_one_line_that_lists_the_forms(text):
    with pytest.raises(OptionError, match=f"there is no device '{text}'; give auto, cpu, cuda, "):
        parse_device(text)


def test_exported_models_run_on_a_gpu_where_onnx_runtime_has_it_and_the_file_is_no_int8():
    assert names(Device("auto"), EVERY) == EVERY[1:]
    assert names(Device("auto"), EVERY, integers=True) == PLAIN
    assert names(Device("auto"), PLAIN) == PLAIN
    assert names(CPU, EVERY) == PLAIN
    assert names(Device("tensorrt"), EVERY) == EVERY
    (_, options), _ = Device("cuda", 2).of_onnx_runtime(EVERY, False, FILE)
    assert options == {"device_id": 2}


def test_what_an_exported_model_cannot_do_is_one_line_with_the_remedy():
    for kind in ("cuda", "tensorrt"):
        with pytest.raises(ModelError, match=r"model\.onnx: computes in int8, .* leave out"):
            names(Device(kind), EVERY, integers=True)
        with pytest.raises(ModelError, match=r"has no .*ExecutionProvider; .*onnxruntime-gpu"):
            names(Device(kind), PLAIN)


def test_a_gpu_that_onnx_runtime_could_not_use_is_no_silent_processor():
    assert Device("auto").used(PLAIN, FILE) == CPU.used(PLAIN, FILE) == "cpu"
    assert Device("auto").used(EVERY[1:], FILE) == Device("cuda").used(EVERY[1:], FILE) == "cuda"
    assert Device("tensorrt").used(EVERY, FILE) == "tensorrt"
    with pytest.raises(ModelError, match="cannot use cuda device 1 here; use --device cpu"):
        Device("cuda", 1).used(PLAIN, FILE)
    with pytest.raises(ModelError, match="cannot use tensorrt device 0"):
        Device("tensorrt").used(EVERY[1:], FILE)


def test_an_exported_model_on_a_gpu_is_decoded_there_where_torch_can(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Device("cuda").decoder() is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Device("cuda", 1).decoder() == "cuda:1" and Device("cuda", 2).decoder() is None


def test_models_on_torch_take_the_first_gpu_or_that_of_the_number(monkeypatch):
    assert CPU.of_torch() == "cpu"
    with pytest.raises(ModelError, match="TensorRT runs exported models"):
        Device("tensorrt").of_torch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Device("auto").of_torch() == "cpu"
    with pytest.raises(ModelError, match="no CUDA device; use --device cpu"):
        Device("cuda").of_torch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Device("auto").of_torch() == "cuda:0" and Device("cuda", 1).of_torch() == "cuda:1"
    with pytest.raises(ModelError, match="no CUDA device 2; the last is cuda:1"):
        Device("cuda", 2).of_torch()


class OnDevice:
    """A backend that leaves its emissions in a tensor, as on a GPU, here in memory."""

    gpu = "cpu"

    def __init__(self, backend):
        self.backend = backend
        self.scores, self.batch_size = backend.scores, backend.batch_size
        self.concurrency = backend.concurrency

    def emissions(self, residues):
        raise AssertionError("they would leave the device")

    def tensors(self, residues):
        return torch.from_numpy(self.backend.emissions(residues))


@pytest.mark.parametrize("threshold", [None, 0.1])
def test_a_decoder_on_the_device_gives_the_same_predictions(fast, proteins, threshold):
    there = Predictor(OnDevice(fast.backend), fast.config)
    for organism in ("other", "eukarya"):
        options = {"organism": organism, "marginals": True, "threshold": threshold}
        pairs = zip(
            *(list(p.predict(proteins[:100], **options)) for p in (fast, there)), strict=True
        )
        for a, b in pairs:
            assert (a.type, a.cleavage_site, a.regions) == (b.type, b.cleavage_site, b.regions)
            assert a.probabilities == pytest.approx(b.probabilities, abs=1e-9)
            assert a.cleavage_probability == pytest.approx(b.cleavage_probability, abs=1e-9)
            assert [site.position for site in a.sites] == [site.position for site in b.sites]
            np.testing.assert_allclose(a.marginals.regions, b.marginals.regions, atol=1e-6)
            np.testing.assert_allclose(a.marginals.cleavage, b.marginals.cleavage, atol=1e-6)
