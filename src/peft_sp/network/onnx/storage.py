"""How the weights of an exported network are stored, where it computes in float32."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""Of the stored weights; int8 has a scale for each column, what a unit of the layer reads."""

STEPS = 127


def store(model: onnx.ModelProto, precision: Precision) -> None:
    """Round the float32 matrices of a graph, which reads them back.

    ONNX Runtime does so once, when it loads them, and then computes in float32. Vectors
    (biases, gains) stay, being few; in float16 a matrix beyond its range stays as well, in int8
    all but the constant factors of products.
    """
    graph = model.graph
    outputs = {output.name for output in graph.output}
    factors = {node.input[1] for node in graph.node if node.op_type == "MatMul"}
    kept, readers = [], []
    for tensor in graph.initializer:
        matrix = tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2
        values = numpy_helper.to_array(tensor)
        small = np.abs(values).max(initial=0) <= np.finfo(np.float16).max
        if matrix and precision == "float16" and small and tensor.name not in outputs:
            tensors, nodes = _half(tensor.name, values)
        elif matrix and precision == "int8" and tensor.name in factors:
            tensors, nodes = _integers(tensor.name, values)
        else:
            tensors, nodes = [tensor], []
        kept += tensors
        readers += nodes
    nodes = [*readers, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


Parts = tuple[list[onnx.TensorProto], list[onnx.NodeProto]]


def _half(name: str, values: NDArray[np.float32]) -> Parts:
    half = numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _integers(name: str, values: NDArray[np.float32]) -> Parts:
    """Weights (..., D, E) as integers, and the scale of each column."""
    scales = np.abs(values).max(axis=-2, keepdims=True) / np.float32(STEPS)
    scales[scales == 0] = 1
    integers = np.rint(values / scales).astype(np.int8)
    tensors = [
        numpy_helper.from_array(integers, f"{name}.integers"),
        numpy_helper.from_array(scales.astype(np.float32), f"{name}.scales"),
    ]
    nodes = [
        helper.make_node("Cast", [f"{name}.integers"], [f"{name}.cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.cast", f"{name}.scales"], [name]),
    ]
    return tensors, nodes
