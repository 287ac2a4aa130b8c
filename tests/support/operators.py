"""Nodes of any allowed operator with random inputs and options, compared with ONNX Runtime.

What is computed of a graph before it is run must be what the runtime then makes of it, whatever a
model says: empty lists, axes from the end, sizes of 0, numbers too large to be exact.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from peft_sp.biology.grammar import WINDOW
from peft_sp.io.registry import graph_check
from peft_sp.io.registry.graph_file import FLOATS, INTEGERS, GraphError, read_graph
from peft_sp.io.registry.graph_sizes import RULES
from tests.support.graphs import network

TYPES = {**FLOATS, **INTEGERS}
SHAPE = (2, 5)
"""Of the residues that the runtime gets."""
LARGE = (2**31, 2**40 - 1, 2**40, 2**53 + 1, 2**62 + 500, 2**63 - 1, -(2**40), -(2**63))

_FLOAT = {"Erf", "Exp", "LayerNormalization", "MatMul", "QuantizeLinear", "Sigmoid", "Softmax"}
_INPUTS = {
    "Add": "nn",
    "Cast": "x",
    "Concat": "aaa",
    "Constant": "",
    "ConstantOfShape": "d",
    "Conv": "xx",
    "Div": "nn",
    "Expand": "xd",
    "Gather": "xi",
    "GatherElements": "xi",
    "LSTM": "xxx",
    "LayerNormalization": "xx",
    "MatMul": "xx",
    "Mul": "nn",
    "QuantizeLinear": "xsz",
    "Range": "sss",
    "ReduceSum": "xd",
    "Reshape": "xd",
    "Slice": "xdddd",
    "Split": "xd",
    "Squeeze": "xd",
    "Sub": "nn",
    "Unsqueeze": "xd",
    "Where": "bnn",
    "Pow": "xx",
    "Equal": "nn",
    "Mean": "aaa",
    "Max": "aaa",
    "Min": "aaa",
    "com.microsoft:MatMulIntegerToFloat": "uuss",
}
"""Inputs by operator: x any, a alike, n numbers that are followed or not, d a list of sizes or
axes, i indices, s one number, z a zero point, b conditions, u bytes."""
_PAIRS = {"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or"}


class Everything(graph_check.Measured):
    """Forgets nothing and bounds nothing, so that all sizes can be compared."""

    def _forget(self, name: str) -> None:
        pass

    def _require_bounds(self, node: Any, beside: float) -> None:
        pass


class Drawn:
    """A graph with one node of an operator, and what is asked of its output behind it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.operator = self.random.choice(sorted(RULES))
        self.nodes: list[Any] = [
            helper.make_node("Cast", ["residues"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("Shape", ["residues"], ["shape"]),
        ]
        self.weights: dict[str, Any] = {}
        self.alike = self._values(self._dims(), self.random.choice([1, 1, 6, 7, 11]))
        count = self.random.randint(1, 3) if self.operator in ("Split", "LSTM") else 1
        self.outputs = [f"out{number}" for number in range(count)]
        domain, _, name = self.operator.rpartition(":")
        kinds = _INPUTS.get(self.operator, "aa" if self.operator in _PAIRS else "x")
        fitting = None if self._rarely() else self._fitting()
        inputs, options = fitting or ([self._input(kind) for kind in kinds], self._options())
        while inputs and self._rarely():
            inputs.pop()
        node = helper.make_node(name, inputs, self.outputs, domain=domain, **options)
        self.nodes.append(node)
        if self._rarely():  # a size that follows from the output
            self.nodes.append(helper.make_node("Shape", ["out0"], ["behind"]))
            self.outputs.append("behind")
        self.model = network(self.nodes, self.weights)
        for output in self.outputs:
            self.model.graph.output.append(helper.make_empty_tensor_value_info(output))

    def _rarely(self) -> bool:
        return self.random.random() < 0.15

    def _dims(self) -> list[int]:
        sizes = [0, 1, 2] if self._rarely() else [1, 1, 2, 3, 5]
        return [self.random.choice(sizes) for _ in range(self.random.randint(0, 4))]

    def _values(self, dims: list[int], kind: int) -> Any:
        return (
            np.array(self.random.choices(range(4), k=int(np.prod(dims))))
            .reshape(dims)
            .astype(TYPES[kind])
        )

    def _constant(self, values: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = values
        return name

    def _input(self, kind: str) -> str:
        draw = self.random
        if self._rarely():
            kind = draw.choice("xandiszbu")
        if self._rarely() and self._rarely():
            return ""
        if kind == "a":
            return self._constant(self.alike)
        if kind == "n" and draw.random() < 0.3:
            return draw.choice(["shape", "real"])
        if kind in ("n", "d", "s"):
            size = 1 if kind == "s" else draw.randint(0, 3)
            some = LARGE if self._rarely() else range(-2, 5)
            values = np.array([draw.choice(some) for _ in range(size)], np.int64)
            if kind == "d" and self._rarely():
                return "shape"
            return self._constant(values[0] if kind == "s" and draw.random() < 0.8 else values)
        if kind == "x" and draw.random() < 0.3:
            return draw.choice(["real", "codes", "shape"])
        types = {"i": 7, "z": 2, "b": 9, "u": 2}
        usual = 1 if self.operator in _FLOAT else draw.choice(sorted(TYPES))
        dims = [] if kind == "z" else self._dims()
        if self.operator in ("Conv", "LSTM"):
            dims = [draw.choice([1, 1, 2, 4]) for _ in range(3)]
        return self._constant(self._values(dims, types.get(kind, usual)))

    def _fitting(self) -> tuple[list[str], dict[str, Any]] | None:
        """Inputs and options that mostly go together, of operators whose random ones never do."""
        draw, dims = self.random, self._dims()
        rank, real = len(dims), self._values
        if self.operator == "Conv":
            sizes = ([draw.randint(1, 3), 2, draw.randint(0, 9)], [draw.randint(1, 3), 2, 3])
            lists = {"pads": 2, "strides": 1, "dilations": 1}
            options = {k: [draw.randint(0, 2) for _ in range(n)] for k, n in lists.items()}
            return [self._constant(real(list(size), 1)) for size in sizes], options
        if self.operator == "LSTM":
            directions, hidden = draw.randint(1, 2), draw.randint(1, 3)
            tables = [[directions, 4 * hidden, 2], [directions, 4 * hidden, hidden]]
            sizes = ([draw.randint(0, 4), draw.randint(0, 2), 2], *tables)
            name = ("forward", "bidirectional")[directions - 1]
            options = {"hidden_size": hidden, "direction": name}
            return [self._constant(real(list(size), 1)) for size in sizes], options
        if self.operator == "com.microsoft:MatMulIntegerToFloat":
            one = np.float32(draw.random())
            given = [real([draw.randint(1, 3), 4], 2), real([4, draw.randint(1, 3)], 2), one, one]
            return [self._constant(values) for values in given], {}
        axes = [draw.randint(-rank, rank - 1) for _ in range(draw.randint(0, rank))]
        lists: list[list[int]] = []
        if self.operator in ("ReduceSum", "Squeeze"):
            dims = [1 if n in axes or n - rank in axes else dim for n, dim in enumerate(dims)]
            lists = [axes]
        elif self.operator == "Split" and rank:
            axis = draw.randrange(rank)
            cut = [draw.randint(0, dims[axis]) for _ in self.outputs]
            cut[-1] = dims[axis] - sum(cut[:-1])
            return [self._constant(real(dims, 1)), self._constant(np.array(cut))], {"axis": axis}
        elif self.operator == "Reshape":
            target = [*draw.sample(dims, rank), *([1] if self._rarely() else [])]
            if target and draw.random() < 0.5:
                target[draw.randrange(len(target))] = draw.choice([-1, 0])
            lists = [target]
        elif self.operator == "Slice":
            some = (*range(-6, 7), *LARGE)
            ends = [[draw.choice(some) for _ in axes] for _ in range(2)]
            lists = [*ends, axes, [draw.randint(1, 3) for _ in axes]]
        else:
            return None
        name = self._constant(real(dims, draw.choice(sorted(TYPES))))
        options = {"keepdims": draw.randint(0, 1)} if self.operator == "ReduceSum" else {}
        return [name, *(self._constant(np.array(v, np.int64)) for v in lists)], options

    def _options(self) -> dict[str, Any]:
        draw, options = self.random, {}
        axis = draw.randint(-3, 3)
        lists = [[draw.randint(0, 2) for _ in range(draw.randint(0, 4))] for _ in range(4)]
        given: dict[str, dict[str, Any]] = {
            "Cast": {"to": draw.choice(sorted(TYPES))},
            "Concat": {"axis": axis},
            "Gather": {"axis": axis},
            "GatherElements": {"axis": axis},
            "Softmax": {"axis": axis},
            "Split": {"axis": axis},
            "LayerNormalization": {"axis": axis},
            "Transpose": {"perm": draw.sample(range(4), draw.randint(0, 4))},
            "Reshape": {"allowzero": draw.randint(0, 1)},
            "ReduceSum": {
                "keepdims": draw.randint(0, 1),
                "noop_with_empty_axes": draw.randint(0, 1),
            },
            "Conv": {
                "pads": lists[0],
                "strides": lists[1],
                "dilations": lists[2],
                "group": draw.randint(0, 2),
                "auto_pad": "SAME_UPPER",
            },
            "LSTM": {"hidden_size": draw.randint(1, 2), "direction": "bidirectional", "layout": 1},
            "Shape": {"start": axis, "end": axis},
        }
        for name, value in given.get(self.operator, {}).items():
            if value != [] and draw.random() < (0.9 if name in ("to", "axis") else 0.4):
                options[name] = value
        if self.operator in ("Constant", "ConstantOfShape"):
            kind = draw.choice(sorted(TYPES))
            dims = [1] if self.operator == "ConstantOfShape" else self._dims()
            values = self._values(dims, kind)
            options["value"] = helper.make_tensor("", kind, dims, values.tobytes(), raw=True)
        return options


def compare(seed: int) -> str:
    """What became of a drawn graph: "refused" here, "fails" in the runtime, or "the same".

    Raises AssertionError where it is run, and its tensors are others than were computed.
    """
    drawn = Drawn(seed)
    content = drawn.model.SerializeToString()
    measured = Everything(read_graph(content), len(content))
    try:
        measured.outputs()
    except GraphError:
        return "refused"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    residues = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        found = session.run(drawn.outputs, {"residues": residues})
    except Exception:  # ONNX Runtime's errors have no common base of their own
        return "fails"
    column = (SHAPE[0] - 1) * WINDOW + SHAPE[1] - 1
    for name, values in zip(drawn.outputs, found, strict=True):
        own = measured.known[name]
        where = f"seed {seed}: {drawn.operator}, {name}, {drawn.nodes[2:]}"
        dims = tuple(float(d[column] if isinstance(d, np.ndarray) else d) for d in own.dims)
        assert dims == values.shape, where
        assert np.dtype(TYPES[own.type]) == values.dtype, where
        if own.values is not None:
            followed = [float(v[column] if np.ndim(v) else v) for v in own.values]
            limit = graph_check.LARGEST
            exact = [
                v if abs(v) < limit else np.copysign(np.inf, v) for v in map(float, values.ravel())
            ]
            assert followed == exact, where
    return "the same"
