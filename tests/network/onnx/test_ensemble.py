"""Networks joined into one graph: the mean of theirs, and nothing stored twice."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from peft_sp.network.onnx.ensemble import joined

RNG = np.random.default_rng(0)
WIDTH, UNITS = 40, 60
BASE = RNG.normal(size=(WIDTH, UNITS)).astype(np.float32)
INPUT = RNG.normal(size=(3, WIDTH)).astype(np.float32)


def graph(matrix, bias):
    """inputs @ matrix + bias"""
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in (("inputs", matrix.shape[0]), ("outputs", matrix.shape[1]))
    ]
    nodes = [
        helper.make_node("MatMul", ["inputs", "matrix"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["outputs"]),
    ]
    tensors = [numpy_helper.from_array(matrix, "matrix"), numpy_helper.from_array(bias, "bias")]
    made = helper.make_graph(nodes, "one", shapes[:1], shapes[1:], tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def changed(rank):
    left, right = RNG.normal(size=(WIDTH, rank)), RNG.normal(size=(rank, UNITS))
    return (BASE + 0.1 * left @ right).astype(np.float32)


def run(model):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["outputs"], {"inputs": INPUT})[0]


def stored(model):
    return sum(numpy_helper.to_array(t).nbytes for t in model.graph.initializer)


@pytest.mark.parametrize(("low_rank", "tolerance"), [(False, 1e-5), (True, 5e-3)])
def test_outputs_are_means(low_rank, tolerance):
    bias = np.ones(UNITS, np.float32)
    parts = [graph(BASE, bias), graph(changed(2), bias), graph(changed(3), 4 * bias)]
    expected = np.mean([run(part) for part in parts], axis=0)
    np.testing.assert_allclose(run(joined(parts, low_rank)), expected, atol=tolerance)


def test_equal_tensors_are_stored_once_and_thin_differences_thin():
    bias = np.ones(UNITS, np.float32)
    alone = stored(graph(BASE, bias))
    parts = [graph(BASE, bias), graph(changed(2), bias)]
    assert stored(joined([parts[0], parts[0]], low_rank=False)) == alone
    assert stored(joined(parts, low_rank=False)) == alone + BASE.nbytes
    assert stored(joined(parts, low_rank=True)) == alone + 2 * 2 * (WIDTH + UNITS)


def test_what_differs_in_everything_is_stored_whole():
    bias = np.ones(UNITS, np.float32)
    other = RNG.normal(size=BASE.shape).astype(np.float32)
    parts = [graph(BASE, bias), graph(other, bias)]
    np.testing.assert_allclose(
        run(joined(parts, True)), np.mean([run(p) for p in parts], axis=0), atol=1e-5
    )
    # Of another shape as well: networks need not be alike inside.
    narrow = graph(np.ascontiguousarray(BASE[:, :1]), np.zeros(1, np.float32))
    assert run(joined([parts[0], narrow], True)).shape == (3, UNITS)


def test_graphs_inside_nodes_are_refused():
    inner = helper.make_graph([], "inner", [], [])
    made = graph(BASE, np.ones(UNITS, np.float32))
    made.graph.node.append(
        helper.make_node("If", ["inputs"], ["never"], then_branch=inner, else_branch=inner)
    )
    with pytest.raises(ValueError, match="holds a graph of its own"):
        joined([made, made], low_rank=True)
