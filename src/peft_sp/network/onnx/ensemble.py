"""Several exported networks as one ONNX graph, which predicts as their ensemble does.

Networks that were adapted from one backbone differ in their matrices by little: the difference
of two LoRA updates of rank R has rank 2 R at most. So the first network's matrices are stored,
and of the others what must be added, as a product of two thin ones. ONNX Runtime computes the
whole matrices once, when it loads the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

NEGLIGIBLE = 1e-4
"""Singular values of a difference below this share of its largest are rounding."""


def joined(graphs: Sequence[onnx.ModelProto], shared: bool) -> onnx.ModelProto:
    """One model whose outputs are the means of the models' outputs, for the same inputs.

    shared: store thin differences, in float16, where they take less than half the room; else
    every matrix whole. What is equal is stored once in any case. Raises ValueError for a model
    with control flow, whose inner graphs are not renamed.
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
            equal = base.get(tensor.name)
            if equal is not None and _same(equal, tensor):
                names[tensor.name] = tensor.name
                continue
            names[tensor.name] = own
            thin = _thin(equal, tensor) if shared and equal is not None else None
            if thin is None:
                whole = onnx.TensorProto()
                whole.CopyFrom(tensor)
                whole.name = own
                tensors.append(whole)
            else:
                more, readers = _sum(tensor.name, own, *thin)
                tensors += more
                nodes += readers
        for node in model.graph.node:
            nodes.append(_renamed(node, number, names))
    for output in first.output:
        every = [f"{number}/{output.name}" for number in range(len(graphs))]
        nodes.append(helper.make_node("Mean", every, [output.name]))
    merged = onnx.ModelProto()
    merged.CopyFrom(graphs[0])
    del merged.graph.node[:], merged.graph.initializer[:], merged.graph.value_info[:]
    merged.graph.node.extend(nodes)
    merged.graph.initializer.extend(tensors)
    return merged


def _same(one: onnx.TensorProto, other: onnx.TensorProto) -> bool:
    return (one.data_type, one.dims, one.raw_data) == (other.data_type, other.dims, other.raw_data)


Thin = tuple[NDArray[np.float16], NDArray[np.float16]]


def _thin(base: onnx.TensorProto, tensor: onnx.TensorProto) -> Thin | None:
    """Matrices (D, R) and (R, E) whose product is what `tensor` (D, E) has more than `base`."""
    if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2 or base.dims != tensor.dims:
        return None
    change = numpy_helper.to_array(tensor) - numpy_helper.to_array(base)
    left, values, right = np.linalg.svd(change.astype(np.float64), full_matrices=False)
    rank = int((values > NEGLIGIBLE * values[0]).sum())
    if 2 * rank * sum(change.shape) >= change.size:
        return None
    # Each half of a singular value, so that neither factor leaves what float16 resolves.
    root = np.sqrt(values[:rank])
    return (left[:, :rank] * root).astype(np.float16), (root[:, None] * right[:rank]).astype(
        np.float16
    )


def _sum(
    base: str, own: str, left: NDArray[np.float16], right: NDArray[np.float16]
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Tensors and nodes that make `own` of `base` and a thin difference."""
    tensors, nodes = [], []
    for side, values in (("left", left), ("right", right)):
        tensors.append(numpy_helper.from_array(values, f"{own}.{side}.half"))
        nodes.append(
            helper.make_node(
                "Cast", [f"{own}.{side}.half"], [f"{own}.{side}"], to=TensorProto.FLOAT
            )
        )
    nodes += [
        helper.make_node("MatMul", [f"{own}.left", f"{own}.right"], [f"{own}.more"]),
        helper.make_node("Add", [base, f"{own}.more"], [own]),
    ]
    return tensors, nodes


def _renamed(node: onnx.NodeProto, number: int, names: dict[str, str]) -> onnx.NodeProto:
    """A node of network `number`, whose edges are called as `names` says, or after it."""
    if any(
        a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute
    ):
        raise ValueError(f"node {node.name} ({node.op_type}) holds a graph of its own")
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = node.name and f"{number}/{node.name}"
    for edges in (copy.input, copy.output):
        for place, edge in enumerate(edges):
            if edge:
                edges[place] = names.get(edge, f"{number}/{edge}")
    return copy
