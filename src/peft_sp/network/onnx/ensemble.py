"""Several exported networks as one ONNX graph, which predicts as their ensemble does.

Networks that were adapted from one backbone differ in their matrices by little: the difference
of two LoRA updates of rank R has rank 2 R at most. So the first network's matrices are stored,
and for the others the difference from them, as two thin factors. ONNX Runtime computes the whole
matrices once, when it loads the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

NEGLIGIBLE = 1e-4
"""Singular values of a difference below this fraction of its largest are rounding."""


def joined(graphs: Sequence[onnx.ModelProto], low_rank: bool) -> onnx.ModelProto:
    """One model whose outputs are the means of the models' outputs, for the same inputs.

    low_rank: store differences of matrices as two thin factors, in float16, where these take less
    than half the space; otherwise every matrix is stored whole. Equal tensors are stored once in
    any case. Raises ValueError for a model with control flow, whose inner graphs are not renamed.
    """
    first = graphs[0].graph
    inputs = {value.name for value in first.input}
    base = {tensor.name: tensor for tensor in first.initializer}
    nodes: list[onnx.NodeProto] = []
    tensors: list[onnx.TensorProto] = list(first.initializer)
    for number, model in enumerate(graphs):
        names = {name: name for name in inputs}
        for tensor in model.graph.initializer:
            own = f"{number}/{tensor.name}"
            first_one = base.get(tensor.name)
            if first_one is not None and _same(first_one, tensor):
                names[tensor.name] = tensor.name
                continue
            names[tensor.name] = own
            factors = None
            if low_rank and first_one is not None:
                factors = _difference_factors(first_one, tensor)
            if factors is None:
                whole = onnx.TensorProto()
                whole.CopyFrom(tensor)
                whole.name = own
                tensors.append(whole)
            else:
                stored, readers = _base_plus_difference(tensor.name, own, *factors)
                tensors += stored
                nodes += readers
        for node in model.graph.node:
            nodes.append(_renamed(node, number, names))
    for output in first.output:
        members = [f"{number}/{output.name}" for number in range(len(graphs))]
        nodes.append(helper.make_node("Mean", members, [output.name]))
    merged = onnx.ModelProto()
    merged.CopyFrom(graphs[0])
    del merged.graph.node[:], merged.graph.initializer[:], merged.graph.value_info[:]
    merged.graph.node.extend(nodes)
    merged.graph.initializer.extend(tensors)
    return merged


def _same(one: onnx.TensorProto, other: onnx.TensorProto) -> bool:
    return (one.data_type, one.dims, one.raw_data) == (other.data_type, other.dims, other.raw_data)


Factors = tuple[NDArray[np.float16], NDArray[np.float16]]


def _difference_factors(base: onnx.TensorProto, tensor: onnx.TensorProto) -> Factors | None:
    """Matrices (D, R) and (R, E) whose product is `tensor - base` (D, E), from its SVD.

    None for what is no matrix of one shape, or where they would not save half the space.
    """
    if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2 or base.dims != tensor.dims:
        return None
    difference = numpy_helper.to_array(tensor) - numpy_helper.to_array(base)
    left, values, right = np.linalg.svd(difference.astype(np.float64), full_matrices=False)
    rank = int((values > NEGLIGIBLE * values[0]).sum())
    if 2 * rank * sum(difference.shape) >= difference.size:
        return None
    # Each factor takes the root of a singular value, so that float16 resolves both.
    root = np.sqrt(values[:rank])
    tall, wide = left[:, :rank] * root, root[:, None] * right[:rank]
    return tall.astype(np.float16), wide.astype(np.float16)


def _base_plus_difference(
    base: str, own: str, left: NDArray[np.float16], right: NDArray[np.float16]
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Tensors and nodes that compute `own = base + left @ right`."""
    tensors, nodes = [], []
    for side, values in (("left", left), ("right", right)):
        tensors.append(numpy_helper.from_array(values, f"{own}.{side}.half"))
        nodes.append(
            helper.make_node(
                "Cast", [f"{own}.{side}.half"], [f"{own}.{side}"], to=TensorProto.FLOAT
            )
        )
    nodes += [
        helper.make_node("MatMul", [f"{own}.left", f"{own}.right"], [f"{own}.difference"]),
        helper.make_node("Add", [base, f"{own}.difference"], [own]),
    ]
    return tensors, nodes


def _renamed(node: onnx.NodeProto, number: int, names: dict[str, str]) -> onnx.NodeProto:
    """A copy of a node of network `number`; edges that are not in `names` get its number."""
    if any(
        a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute
    ):
        raise ValueError(f"node {node.name} ({node.op_type}) holds a graph of its own")
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = node.name and f"{number}/{node.name}"
    for edges in (copy.input, copy.output):
        for index, edge in enumerate(edges):
            if edge:
                edges[index] = names.get(edge, f"{number}/{edge}")
    return copy
