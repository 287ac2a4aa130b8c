"""What processes that run beside each other do in tests; they import it by its name."""

from __future__ import annotations

import os
import time

import torch

from peft_sp.errors import InputError
from peft_sp.training.fitting.progress import Report


def report_threads(progress):
    """Say on how many threads it computes."""
    progress(Report("evaluation", torch.get_num_threads(), 3))


def fail(path, progress):
    raise InputError("is not what it was", path=path, line=3)


def stay(file, progress):
    """Leave its number, and stay for longer than any test."""
    file.write_text(str(os.getpid()))
    time.sleep(600)


def vanish(progress):
    """As by the kernel's hand, when there is no memory left."""
    os.kill(os.getpid(), 9)
