"""How the weights of an exported network are stored, where it computes in float32."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""Of the stored weights; int8 has a scale for each column, the weights of one unit."""

STEPS = 127
"""Steps from 0 to the largest weight of a unit: 8 bits with the sign."""


def store(model: onnx.ModelProto, precision: Precision) -> None:
    """Store the float32 matrices of a graph in fewer bytes; its nodes convert them to float32.

    ONNX Runtime does so once, when it loads the file, and computes in float32. Vectors (biases,
    gains) stay in float32, since they are few, and so do, in float16, matrices beyond its range,
    and, in int8, all but the constant factors of products.
    """
    graph = model.graph
    outputs = {output.name for output in graph.output}
    factors = {node.input[1] for node in graph.node if node.op_type == "MatMul"}
    tensors, readers = [], []
    for tensor in graph.initializer:
        is_matrix = tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2
        values = numpy_helper.to_array(tensor)
        in_range = np.abs(values).max(initial=0) <= np.finfo(np.float16).max
        if is_matrix and precision == "float16" and in_range and tensor.name not in outputs:
            stored, nodes = _half(tensor.name, values)
        elif is_matrix and precision == "int8" and tensor.name in factors:
            stored, nodes = _integers(tensor.name, values)
        else:
            stored, nodes = [tensor], []
        tensors += stored
        readers += nodes
    nodes = [*readers, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(tensors)
    graph.node.extend(nodes)


TensorsAndNodes = tuple[list[onnx.TensorProto], list[onnx.NodeProto]]


def _half(name: str, values: NDArray[np.float32]) -> TensorsAndNodes:
    """Weights as float16, and the node that converts them."""
    half = numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _integers(name: str, values: NDArray[np.float32]) -> TensorsAndNodes:
    """Weights (..., D, E) as int8 with a scale for each column, and nodes that multiply both."""
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
