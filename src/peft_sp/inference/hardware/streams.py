"""Queues of work on a GPU: a thread of a prediction has its own, so that several overlap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OF_THREAD = threading.local()


@contextmanager
def own_stream(gpu: str | None) -> Iterator[None]:
    """Within it, what is computed on a GPU stands in the calling thread's own queue.

    gpu: its name in torch; None where there is nothing to do. When the outermost one is left, all
    is computed, so that other threads may read the results.
    """
    if gpu is None or getattr(_OF_THREAD, "inside", False):
        yield
        return
    import torch

    cuda: Any = torch.cuda
    streams = _OF_THREAD.__dict__.setdefault("streams", {})
    if gpu not in streams:
        streams[gpu] = cuda.Stream(gpu)
    _OF_THREAD.inside = True
    try:
        with cuda.stream(streams[gpu]):
            yield
        streams[gpu].synchronize()
    finally:
        _OF_THREAD.inside = False
