"""A device without bfloat16 is named before any work."""

from __future__ import annotations

import pytest
import torch

from peft_sp.errors import RecipeError
from peft_sp.training.fitting.precision import refuse_precision, trains_on_processor


def test_a_processor_computes_in_every_precision(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert trains_on_processor()
    for precision in ("bfloat16", "float32"):
        refuse_precision("r", "optimisation.precision", precision)


def test_float16_is_for_cuda_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RecipeError, match="float16 is computed in on CUDA devices alone"):
        refuse_precision("r", "optimisation.precision", "float16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    refuse_precision("r", "optimisation.precision", "float16")


def test_a_gpu_without_bfloat16_is_refused_with_the_remedy(monkeypatch):
    """As old GPUs are; the libraries would end in a traceback once all was read."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: False)
    refuse_precision("r", "optimisation.precision", "float32")
    message = "r: fitting.precision: this GPU has no bfloat16; give --set fitting.precision=float32"
    with pytest.raises(RecipeError, match=message):
        refuse_precision("r", "fitting.precision", "bfloat16")
