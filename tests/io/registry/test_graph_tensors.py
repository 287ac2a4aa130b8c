"""Sizes of several batches at once, and which integers are followed."""

from __future__ import annotations

import numpy as np
import pytest

from peft_sp.io.registry.graph_file import GraphError, Weights
from peft_sp.io.registry.graph_tensors import (
    FOLLOWED,
    Tensor,
    axis_of,
    broadcast,
    fixed,
    kept,
    of_weights,
    one,
)

BATCHES = np.array([1.0, 2.0, 7.0])


def test_sizes_are_broadcast_as_in_numpy_for_each_batch():
    dims = broadcast([(BATCHES, 1.0, 5.0), (4.0, 1.0), (1.0,)])
    assert [np.broadcast_to(d, 3).tolist() for d in dims] == [[1, 2, 7], [4] * 3, [5] * 3]
    (dim,) = broadcast([(BATCHES,), (np.array([6.0, 2.0, 1.0]),)])
    assert dim.tolist() == [6, 2, 7]


def test_short_lists_of_integers_are_followed():
    short = np.arange(FOLLOWED, dtype="<i8")
    tensor = of_weights(Weights(7, (FOLLOWED,), memoryview(short.tobytes())))
    assert tensor.values == tuple(range(FOLLOWED)) and tensor.constant
    long = np.arange(FOLLOWED + 1, dtype="<i8")
    assert of_weights(Weights(7, (FOLLOWED + 1,), memoryview(long.tobytes()))).values is None
    half = np.ones(2, "<f4")
    assert of_weights(Weights(1, (2,), memoryview(half.tobytes()))).values is None
    assert kept([2.0**41]) is None and kept([np.array([1.0, np.inf])]) is None
    assert kept([3.0, BATCHES]) == (3.0, BATCHES)


def test_what_changes_with_the_batch_is_no_axis():
    assert (fixed(2.0), axis_of(-1, 3), one(Tensor(7, (), (4.0,)))) == (2, 2, 4.0)
    for wrong in (lambda: fixed(BATCHES), lambda: axis_of(3, 3), lambda: one(Tensor(7, (2.0,)))):
        with pytest.raises(GraphError):
            wrong()
