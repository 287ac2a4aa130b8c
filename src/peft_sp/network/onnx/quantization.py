"""Products of an exported student in integers: a fifth of its time less.

Both factors of a product are rounded to whole steps, and their sums are exact:
`y[b, e] = scale[e] * step * sum_d (X[b, d] - zero) * W[d, e]`, where X (uint8) are the rounded
activations and W (int8) the rounded weights.

The range of the activations is measured once, on made-up proteins, and stands in the file; were
it measured in each batch, a prediction would depend on its neighbours. Weights have 7 bits: with
8 the sums of processors without VNNI overflow, and predictions would depend on the machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from peft_sp.biology.alphabet import AMINO_ACIDS, encode
from peft_sp.biology.grammar import WINDOW, grammar

RUNTIME_DOMAIN = "com.microsoft"
"""ONNX Runtime's own operators: one of them multiplies integers and gives float32."""
WEIGHT_STEPS = 63
"""Steps from 0 to the largest weight of a unit: 7 bits with the sign."""
ACTIVATION_STEPS = 255
"""Steps from the smallest to the largest activation: 8 bits."""
MARGIN = 1.5
"""Factor by which ranges measured on made-up proteins are widened; beyond, values are clipped."""

Range = tuple[float, float]
"""The smallest and the largest value of a tensor, 0 among them."""


def compute_in_integers(model: onnx.ModelProto) -> None:
    """Rewrite the constant products of a graph in place, but not those that give emissions."""
    graph = model.graph
    products = constant_products(model)
    if not products:
        return
    ranges = measured_ranges(model, [node.input[0] for node in products], made_up_proteins())
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    model.opset_import.append(helper.make_opsetid(RUNTIME_DOMAIN, 1))
    integer = {
        node.output[0]: _integer_product(node, weights[node.input[1]], ranges[node.input[0]])
        for node in products
    }
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        tensors, replacement = integer.get(node.output[0], ([], [node]))
        graph.initializer.extend(tensors)
        nodes += replacement
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    still_read = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(still_read)


def constant_products(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The products with a constant matrix (D, E), but for those that give emissions."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    return [
        node
        for node in model.graph.node
        if node.op_type == "MatMul"
        and len(shape := shapes.get(node.input[1], ())) == 2
        and shape[1] != grammar().size
    ]


def made_up_proteins() -> NDArray[np.uint8]:
    """Windows (N, WINDOW) of random residues behind a methionine, of several compositions."""
    random = np.random.default_rng(1)
    windows: list[str] = []
    for frequent in ("", "LLLAAVIFG", "KRRKDEEND", "GSTNPQ", "CCWWHH"):
        letters = np.array(list(AMINO_ACIDS + frequent * 4))
        windows += ["M" + "".join(row) for row in random.choice(letters, (128, WINDOW - 1))]
    return encode(windows, WINDOW)


def measured_ranges(
    model: onnx.ModelProto, names: Sequence[str], residues: NDArray[np.uint8]
) -> dict[str, Range]:
    """Ranges of a graph's tensors for residues (N, L), widened by `MARGIN`."""
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    observed.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    runtime: Any = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(
        observed.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    values = session.run(names, {"residues": residues})
    return {
        name: (min(0.0, MARGIN * float(value.min())), max(0.0, MARGIN * float(value.max())))
        for name, value in zip(names, values, strict=True)
    }


def _integer_product(
    node: onnx.NodeProto, weights: NDArray[np.float32], activations: Range
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Tensors and nodes in place of one product with weights (D, E)."""
    source, name = node.input[0], node.output[0]
    low, high = activations
    step = np.float32((high - low) / ACTIVATION_STEPS or 1.0)
    scales = np.abs(weights).max(axis=0) / np.float32(WEIGHT_STEPS)  # (E,)
    scales[scales == 0] = 1
    arrays = {
        f"{name}.integers": np.rint(weights / scales).astype(np.int8),
        f"{name}.step": step,
        f"{name}.scales": scales.astype(np.float32),
        f"{name}.zero": np.uint8(round(-low / step)),
    }
    tensors = [numpy_helper.from_array(np.asarray(array), key) for key, array in arrays.items()]
    integers, step_name, scales_name, zero = arrays
    rounded = f"{name}.rounded"
    return tensors, [
        helper.make_node("QuantizeLinear", [source, step_name, zero], [rounded]),
        helper.make_node(
            "MatMulIntegerToFloat",
            [rounded, integers, step_name, scales_name, zero],
            [name],
            domain=RUNTIME_DOMAIN,
        ),
    ]
