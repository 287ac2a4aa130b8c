"""Devices of torch on which a test runs: the processor, and a GPU where there is one."""

from __future__ import annotations

import pytest
import torch

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
DEVICES = ["cpu", pytest.param("cuda:0", marks=[gpu, pytest.mark.gpu])]
