"""Small ONNX graphs, as anybody may write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

STATES = 37
SCORES = {"transitions": (STATES, STATES), "starts": (STATES,), "ends": (STATES,)}


def network(
    nodes: Sequence[NodeProto] = (),
    weights: Mapping[str, Any] = {},
    *,
    opset: int = 17,
    without: str = "",
    shapes: Mapping[str, tuple[int, ...]] = {},
) -> ModelProto:
    """A network of this program that computes 0, with more nodes and weights.

    without: an output that it lacks; shapes: of scores that have another.
    """
    letters = np.zeros((26, STATES), np.float32)
    own = {name: np.zeros(shape, np.float32) for name, shape in {**SCORES, **shapes}.items()}
    tensors = {f"{name}.value": values for name, values in own.items()}
    given = [
        helper.make_node("Cast", ["residues"], ["codes"], to=TensorProto.INT64),
        helper.make_node("Gather", ["letters", "codes"], ["emissions"]),
        *(helper.make_node("Identity", [f"{name}.value"], [name]) for name in own),
        *nodes,
    ]
    tensors = {"letters": letters, **tensors, **{k: np.asarray(v) for k, v in weights.items()}}
    outputs = [name for name in ("emissions", *own) if name != without]
    graph = helper.make_graph(
        given,
        "network",
        [helper.make_tensor_value_info("residues", TensorProto.UINT8, ["batch", "length"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    versions = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, ir_version=8, opset_imports=versions)
