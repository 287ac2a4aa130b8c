"""Products of an exported student in integers: a fifth of its time less.

The factors of a product are rounded to whole steps, its sums are exact. How far a factor
reaches is measured once, on made-up proteins, and stands in the file; were it measured in each
batch, a prediction would depend on its neighbours. Weights have 7 bits: with 8 the sums of
processors without VNNI overflow, and predictions would depend on the machine.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from peft_sp.biology.alphabet import AMINO_ACIDS, encode
from peft_sp.biology.grammar import WINDOW, grammar

RUNTIME = "com.microsoft"
"""ONNX Runtime's own operators: one of them multiplies integers and gives float32."""
WEIGHT_STEPS = 63
"""From 0 to the largest weight of a unit."""
STEPS = 255
"""From the smallest to the largest value of the other factor."""
MARGIN = 1.5
"""What is measured on made-up proteins is widened so much; beyond, values are cut off."""


def compute_in_integers(model: onnx.ModelProto) -> None:
    """Rewrite the products with constant weights, in place; not those that give emissions."""
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [
        node
        for node in graph.node
        if node.op_type == "MatMul"
        and weights.get(node.input[1], np.empty(0)).ndim == 2
        and weights[node.input[1]].shape[1] != grammar().size
    ]
    if not products:
        return
    model.opset_import.append(helper.make_opsetid(RUNTIME, 1))
    reach = _reach(model, [node.input[0] for node in products])
    replaced = {node.output[0]: _product(node, weights, reach) for node in products}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        tensors, own = replaced.get(node.output[0], ([], [node]))
        graph.initializer.extend(tensors)
        nodes += own
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def made_up_proteins() -> NDArray[np.uint8]:
    """Windows (N, WINDOW): a methionine and chance, from several compositions."""
    chance = np.random.default_rng(1)
    found = []
    for kind in ("", "LLLAAVIFG", "KRRKDEEND", "GSTNPQ", "CCWWHH"):
        letters = np.array(list(AMINO_ACIDS + kind * 4))
        found += ["M" + "".join(row) for row in chance.choice(letters, (128, WINDOW - 1))]
    return encode(found, WINDOW)


def _reach(model: onnx.ModelProto, names: list[str]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest value of some tensors, 0 among them."""
    spied = onnx.ModelProto()
    spied.CopyFrom(model)
    spied.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    runtime: Any = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(
        spied.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    values = session.run(names, {"residues": made_up_proteins()})
    return {
        name: (min(0.0, MARGIN * float(value.min())), max(0.0, MARGIN * float(value.max())))
        for name, value in zip(names, values, strict=True)
    }


def _product(
    node: onnx.NodeProto,
    weights: dict[str, NDArray[np.float32]],
    reach: dict[str, tuple[float, float]],
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """What one product becomes: its tensors, and nodes of the same result."""
    name, (source, factor) = node.output[0], node.input
    low, high = reach[source]
    step = np.float32((high - low) / STEPS or 1.0)
    scales = np.abs(weights[factor]).max(axis=0) / np.float32(WEIGHT_STEPS)
    scales[scales == 0] = 1
    tensors = {
        f"{name}.integers": np.rint(weights[factor] / scales).astype(np.int8),
        f"{name}.step": step,
        f"{name}.scales": scales.astype(np.float32),
        f"{name}.zero": np.uint8(round(-low / step)),
    }
    kept = [numpy_helper.from_array(np.asarray(v), key) for key, v in tensors.items()]
    integers, step_of, scales_of, zero = tensors
    rounded = f"{name}.rounded"
    return kept, [
        helper.make_node("QuantizeLinear", [source, step_of, zero], [rounded]),
        helper.make_node(
            "MatMulIntegerToFloat",
            [rounded, integers, step_of, scales_of, zero],
            [name],
            domain=RUNTIME,
        ),
    ]
