"""How large what an operator computes is, and how many multiplications it takes.

A rule is exact: from the shapes of an operator's inputs alone it follows what it gives. Integers
that sizes are computed from (`Shape`, sums and products of it) are followed as well; sizes that
depend on residues are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from peft_sp.io.registry.graph_file import FLOATS, GraphError, Node, Weights
from peft_sp.io.registry.graph_tensors import (
    BOOL,
    FLOAT,
    FOLLOWED,
    INT64,
    UINT8,
    Size,
    Tensor,
    axes_of,
    axis_of,
    broadcast,
    chosen,
    fixed,
    kept,
    known,
    need,
    of_weights,
    one,
    plain,
    product,
)

Inputs = Sequence[Tensor | None]
Factors = tuple[Size, ...]
NOTHING: Factors = ()
"""The factors of a single step."""
Rule = Callable[[Node, Inputs], tuple[list[Tensor], Factors]]
"""From a node and its inputs to its outputs and the multiplications in it, as their product. What
the runtime needs beside the outputs while it computes them is one more tensor behind them."""


def same(type_of: int | None = None) -> Rule:
    """As many values as in the first input, of its type or of another."""

    def rule(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
        first = need(inputs[0])
        values = first.values if node.operator == "Identity" else None
        if node.operator == "Neg" and first.type == INT64 and first.values is not None:
            values = tuple(-value for value in first.values)
        return [Tensor(type_of or first.type, first.dims, kept(values))], first.dims

    return rule


def cast(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """As many values of another type; integers are followed into int64."""
    first, kind = need(inputs[0]), node.attributes.get("to")
    values = first.values if kind == INT64 and first.type not in FLOATS else None
    return [Tensor(int(kind or FLOAT), first.dims, values)], first.dims


_COMPUTED: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": lambda left, right: np.trunc(np.divide(left, right)),
    "Equal": np.equal,
    "Where": lambda condition, left, right: np.where(np.not_equal(condition, 0), left, right),
}


def elementwise(type_of: int | None = None) -> Rule:
    """Tensors that are computed with element by element, with one type or that of the values."""

    def rule(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
        tensors = [need(tensor) for tensor in inputs]
        dims = broadcast([tensor.dims for tensor in tensors])
        kind = tensors[1 if node.operator == "Where" else 0].type
        values = None
        compute = _COMPUTED.get(node.operator)
        if compute and kind == INT64 and len(dims) < 2:
            values = _elements(compute, [kept(tensor.values) for tensor in tensors])
        if node.operator == "Div" and kind not in FLOATS and values is None:
            # The least of them by -1 ends a process, as a division by 0 does.
            raise GraphError("it divides integers that do not follow from the length of a batch")
        return [Tensor(type_of or kind, dims, values)], dims

    return rule


def _elements(
    compute: Callable[..., Any], operands: Sequence[tuple[Size, ...] | None]
) -> tuple[Size, ...] | None:
    lists = [values for values in operands if values is not None]
    if len(lists) < len(operands):
        return None
    length = max(map(len, lists))
    if any(len(values) not in (1, length) for values in lists):
        return None
    rows = zip(*(v * length if len(v) == 1 < length else v for v in lists), strict=True)
    with np.errstate(all="ignore"):
        return kept([plain(compute(*row)) for row in rows])


def matmul(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Products of matrices."""
    left, right = need(inputs[0]), need(inputs[1])
    if min(len(left.dims), len(right.dims)) < 2:
        raise GraphError("it has a product of what is no matrix")
    front = broadcast([left.dims[:-2], right.dims[:-2]]) if left.dims[2:] or right.dims[2:] else ()
    dims = (*front, left.dims[-2], right.dims[-1])
    if (kind := FLOAT if ":" in node.operator else left.type) not in FLOATS:
        raise GraphError("it has a product of matrices of integers")
    return [Tensor(kind, dims)], (*dims, left.dims[-1])


def constant(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """A tensor whose values stand in the file."""
    value = node.attributes.get("value")
    if not isinstance(value, Weights):
        raise GraphError("it has a constant that is no tensor")
    return [of_weights(value)], NOTHING


def shape(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """The sizes of a tensor, as integers."""
    dims = need(inputs[0]).dims
    if node.attributes:
        raise GraphError("it takes a part of a shape")
    # The same for all batches where all sizes are.
    same_for_all = not any(isinstance(dim, np.ndarray) for dim in dims)
    return [Tensor(INT64, (float(len(dims)),), kept(dims), same_for_all)], NOTHING


def filled(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """A tensor of a given shape, full of one value."""
    dims = known(inputs[0])
    value = node.attributes.get("value")
    filling = of_weights(value) if isinstance(value, Weights) else Tensor(FLOAT, (1.0,))
    values = None
    if len(dims) == 1 and not isinstance(dims[0], np.ndarray) and dims[0] <= FOLLOWED:
        values = filling.values and filling.values * int(dims[0])
    return [Tensor(filling.type, dims, values)], dims


def expand(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """A tensor repeated up to a given shape."""
    first = need(inputs[0])
    dims = broadcast([first.dims, known(inputs[1])])
    return [Tensor(first.type, dims)], dims


def numbers(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Numbers from a start to a limit."""
    start, limit, step = (one(tensor) for tensor in inputs)
    if np.any(np.equal(step, 0)):
        raise GraphError("it counts in steps of nothing")
    count = np.maximum(np.ceil((limit - start) / step), 0.0)
    return [Tensor(need(inputs[0]).type, (plain(count),))], (plain(count),)


def reshape(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """The same values in another shape, of which 0 copies a size and -1 is what is left."""
    first, wanted = need(inputs[0]), known(inputs[1])
    dims: list[Size] = []
    for number, size in enumerate(wanted):
        own = first.dims[number] if number < len(first.dims) else 0.0
        copies = not node.attributes.get("allowzero")
        dims.append(chosen(np.equal(size, 0), own, size) if copies else size)
    rest = product([chosen(np.equal(size, -1), 1.0, size) for size in dims])
    if np.any(np.equal(rest, 0)):
        raise GraphError("it has a shape without values")
    left = first.count / rest
    if np.any(np.not_equal(left, np.floor(left))):
        raise GraphError("it has a shape that its values do not fill")
    dims = [chosen(np.equal(size, -1), left, size) for size in dims]
    values = first.values if len(dims) < 2 else None
    return [Tensor(first.type, tuple(dims), values)], NOTHING


def transpose(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """The same values with other axes first."""
    first = need(inputs[0])
    order = node.attributes.get("perm") or tuple(reversed(range(len(first.dims))))
    if sorted(order) != list(range(len(first.dims))):
        raise GraphError("it has axes in an order that is none")
    return [Tensor(first.type, tuple(first.dims[axis] for axis in order))], first.dims


def unsqueeze(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """The same values with more axes of size 1."""
    first, rank = need(inputs[0]), len(need(inputs[0]).dims) + len(known(inputs[1]))
    axes = axes_of(inputs[1], rank)
    dims = list(first.dims)
    for axis in sorted(axes):
        dims.insert(axis, 1.0)
    return [Tensor(first.type, tuple(dims), first.values if len(dims) < 2 else None)], NOTHING


def squeeze(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """The same values without axes of size 1."""
    first = need(inputs[0])
    axes = axes_of(inputs[1], len(first.dims))
    dims = tuple(dim for axis, dim in enumerate(first.dims) if axis not in axes)
    return [Tensor(first.type, dims, first.values if len(dims) < 2 else None)], NOTHING


def concat(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Tensors one behind the other."""
    tensors = [need(tensor) for tensor in inputs]
    dims = list(tensors[0].dims)
    if any(len(tensor.dims) != len(dims) for tensor in tensors):
        raise GraphError("it joins tensors that do not go together")
    axis = axis_of(int(node.attributes.get("axis") or 0), len(dims))
    dims[axis] = sum((tensor.dims[axis] for tensor in tensors), 0.0)
    values: list[Size] | None = []
    for tensor in tensors:
        values = None if values is None or tensor.values is None else [*values, *tensor.values]
    values = values if len(dims) == 1 else None
    return [Tensor(tensors[0].type, tuple(dims), kept(values))], tuple(dims)


def gather(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Rows of a tensor by their numbers."""
    first, rows = need(inputs[0]), need(inputs[1])
    axis = axis_of(int(node.attributes.get("axis") or 0), len(first.dims))
    dims = (*first.dims[:axis], *rows.dims, *first.dims[axis + 1 :])
    values = None
    if first.values is not None and len(first.dims) == 1 and rows.constant and rows.values:
        numbers = [axis_of(fixed(row), len(first.values)) for row in rows.values]
        values = [first.values[number] for number in numbers] if len(dims) < 2 else None
    return [Tensor(first.type, dims, kept(values))], dims


def gather_elements(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Values of a tensor by their numbers."""
    dims = need(inputs[1]).dims
    return [Tensor(need(inputs[0]).type, dims)], dims


def cut(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """A part of a tensor."""
    first = need(inputs[0])
    starts, ends = (known(tensor, limited=False) for tensor in inputs[1:3])
    axes = known(inputs[3]) if len(inputs) > 3 else tuple(map(float, range(len(starts))))
    steps = known(inputs[4]) if len(inputs) > 4 else (1.0,) * len(starts)
    dims, values = list(first.dims), first.values
    for start, end, own, step in zip(starts, ends, axes, steps, strict=True):
        axis = axis_of(fixed(own), len(dims))
        if fixed(step) < 1:
            raise GraphError("it goes through a tensor backwards")
        size = dims[axis]
        low, high = (
            np.clip(np.where(np.less(at, 0), at + size, at), 0.0, size) for at in (start, end)
        )
        dims[axis] = plain(np.maximum(np.ceil((high - low) / step), 0.0))
        if values is not None and not any(isinstance(x, np.ndarray) for x in (start, end)):
            values = values[int(low) : int(high) : int(fixed(step))]
        else:
            values = None
    return [Tensor(first.type, tuple(dims), values)], tuple(dims)


def split(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Parts of a tensor, one behind the other."""
    first = need(inputs[0])
    axis = axis_of(int(node.attributes.get("axis") or 0), len(first.dims))
    parts = known(inputs[1])
    if len(parts) != len(node.outputs):
        raise GraphError("it splits a tensor into other parts than it names")
    shapes = [(*first.dims[:axis], part, *first.dims[axis + 1 :]) for part in parts]
    return [Tensor(first.type, dims) for dims in shapes], first.dims


def reduced(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """Sums over axes."""
    first = need(inputs[0])
    rank = len(first.dims)
    axes = axes_of(inputs[1], rank) if len(inputs) > 1 else tuple(range(rank))
    keeps = node.attributes.get("keepdims") != 0
    dims = [1.0 if n in axes else dim for n, dim in enumerate(first.dims) if keeps or n not in axes]
    return [Tensor(first.type, tuple(dims))], first.dims


def convolution(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """A convolution over one or more axes."""
    first, kernel = need(inputs[0]), need(inputs[1])
    sizes, spans = first.dims[2:], kernel.dims[2:]
    strides = node.attributes.get("strides") or (1,) * len(spans)
    dilations = node.attributes.get("dilations") or (1,) * len(spans)
    pads = node.attributes.get("pads") or (0,) * (2 * len(spans))
    well = len(sizes) == len(spans) == len(strides) == len(dilations) == len(pads) / 2 >= 1
    group = node.attributes.get("group", 1)
    if not well or min((*strides, *dilations, group, *(n + 1 for n in pads))) < 1:
        raise GraphError("it has a convolution without strides or pads of its own")
    dims: list[Size] = [first.dims[0], kernel.dims[0]]
    for n, size in enumerate(sizes):
        free = size + pads[n] + pads[n + len(sizes)] - dilations[n] * (spans[n] - 1) - 1
        dims.append(plain(np.maximum(np.floor(free / strides[n]) + 1, 0.0)))
    columns = Tensor(FLOAT, (*dims[2:], *kernel.dims[1:]))
    return [Tensor(first.type, tuple(dims)), columns], (*dims, *kernel.dims[1:])


def recurrence(node: Node, inputs: Inputs) -> tuple[list[Tensor], Factors]:
    """A long short-term memory, in one or both directions."""
    first, weights, states = need(inputs[0]), need(inputs[1]), need(inputs[2])
    if not len(first.dims) == len(weights.dims) == len(states.dims) == 3:
        raise GraphError("it has a recurrence of other than three axes")
    (steps, batch, width), directions, hidden = first.dims, weights.dims[0], states.dims[2]
    last = Tensor(first.type, (directions, batch, hidden))
    outputs = [Tensor(first.type, (steps, directions, batch, hidden)), last, last]
    gates = Tensor(FLOAT, (steps, batch, directions, weights.dims[1]))
    factors = (*gates.dims, width + hidden)
    return [*outputs[: len(node.outputs)], gates], factors


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Identity", "Relu", "Erf", "Neg", "Not", "Softmax", "Sqrt", "Tanh"), same()),
    **dict.fromkeys(("Sigmoid", "Exp", "Abs", "Reciprocal", "LayerNormalization"), same()),
    "QuantizeLinear": same(UINT8),
    "Cast": cast,
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Where", "Mean", "Pow", "Max", "Min"), elementwise()
    ),
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater"), elementwise(BOOL)),
    **dict.fromkeys(("GreaterOrEqual", "And", "Or"), elementwise(BOOL)),
    "MatMul": matmul,
    "com.microsoft:MatMulIntegerToFloat": matmul,
    "Constant": constant,
    "Shape": shape,
    "ConstantOfShape": filled,
    "Expand": expand,
    "Range": numbers,
    "Reshape": reshape,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Squeeze": squeeze,
    "Concat": concat,
    "Gather": gather,
    "GatherElements": gather_elements,
    "Slice": cut,
    "Split": split,
    "ReduceSum": reduced,
    "Conv": convolution,
    "LSTM": recurrence,
}
"""The operators that a network may have: those that exported networks are made of."""

ATTRIBUTES = {
    "Cast": {"to"},
    "Concat": {"axis"},
    "Constant": {"value"},
    "ConstantOfShape": {"value"},
    "Conv": {"dilations", "group", "kernel_shape", "pads", "strides"},
    "Gather": {"axis"},
    "GatherElements": {"axis"},
    "LayerNormalization": {"axis", "epsilon", "stash_type"},
    "LSTM": {"direction", "hidden_size"},
    "ReduceSum": {"keepdims"},
    "Reshape": {"allowzero"},
    "Softmax": {"axis"},
    "Split": {"axis"},
    "Transpose": {"perm"},
}
"""What a node may say of how it computes; operators that are not here have nothing to say."""

COSTS = {
    "Pow": 500.0,
    **dict.fromkeys(("Erf", "Exp", "Tanh", "Sigmoid", "Softmax", "Div", "Sqrt"), 100.0),
    **dict.fromkeys(("MatMul", "com.microsoft:MatMulIntegerToFloat", "Conv", "LSTM"), 1.0),
}
MOVED = 20.0
"""A step of an operator in multiplications of a matrix product, about as long as they take; `MOVED`
is that of one that is not in `COSTS`, which waits for the memory."""
