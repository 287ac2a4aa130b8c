"""What is known of a tensor before anything is computed: its sizes, and integers that give sizes.

A size is a number, or one for each batch that a network may be given, in an array: what follows
from a shape is computed for all batches at once, and exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.io.registry.graph_file import FLOATS, GraphError, Weights

Size = float | NDArray[np.float64]
FLOAT, UINT8, INT64, BOOL = 1, 2, 7, 9
FOLLOWED = 8
"""Integers of a tensor that are followed at most: a shape has no more."""
LARGEST = 2.0**40
"""Size from which on a network is refused, and integers are no longer followed."""


@dataclass(frozen=True)
class Tensor:
    """What is known of a tensor: its type, sizes, and its integers where they are followed.

    constant: it is the same for all residues and batches. Of the values those from `LARGEST` on,
    which a number here would not hold exactly, are infinite.
    """

    type: int
    dims: tuple[Size, ...]
    values: tuple[Size, ...] | None = None
    constant: bool = False

    @property
    def count(self) -> Size:
        """How many values it has."""
        return product(self.dims)


def product(sizes: Sequence[Size]) -> Size:
    """The product of sizes; 1 of none."""
    total: Size = 1.0
    for size in sizes:
        total = total * size
    return total


def of_weights(weights: Weights) -> Tensor:
    """What is known of a tensor whose values stand in the file."""
    dims = tuple(map(float, weights.dims))
    values = None
    if len(dims) < 2 and product(dims) <= FOLLOWED and weights.type not in FLOATS:
        values = tuple(
            v if abs(v) < LARGEST else math.copysign(math.inf, v)
            for v in map(float, weights.array.tolist())
        )
    return Tensor(weights.type, dims, values, constant=True)


def known(tensor: Tensor | None, *, limited: bool = True) -> tuple[Size, ...]:
    """The integers of a tensor. Raises GraphError where they are not followed.

    limited: those that are too large to be followed are none.
    """
    if tensor is None or tensor.values is None:
        raise GraphError("it computes sizes that do not follow from the length of a batch")
    if limited and kept(tensor.values) is None:
        raise GraphError("it computes sizes that are too large")
    return tensor.values


def axes_of(tensor: Tensor | None, rank: int) -> tuple[int, ...]:
    """The axes that stand in a tensor. Raises GraphError for none, which some take for all."""
    axes = tuple(axis_of(fixed(axis), rank) for axis in known(tensor))
    if not axes or len(set(axes)) < len(axes):
        raise GraphError("it has a list of axes that is empty, or names one twice")
    return axes


def one(tensor: Tensor | None) -> Size:
    """The one integer of a tensor. Raises GraphError."""
    values = known(tensor)
    if len(values) != 1:
        raise GraphError("it has a list where one number belongs")
    return values[0]


def fixed(size: Size) -> int:
    """A number that is the same for all batches. Raises GraphError."""
    if isinstance(size, np.ndarray) or not math.isfinite(size):
        raise GraphError("it has axes that change with the batch")
    return int(size)


def need(tensor: Tensor | None) -> Tensor:
    """An input that an operator must have. Raises GraphError."""
    if tensor is None:
        raise GraphError("it lacks an input")
    return tensor


def kept(values: Sequence[Size] | None) -> tuple[Size, ...] | None:
    """Integers, as far as they are followed further."""
    if values is None or len(values) > FOLLOWED:
        return None
    if any(not np.all(np.abs(value) < LARGEST) for value in values):
        return None
    return tuple(values)


def axis_of(value: int, rank: int) -> int:
    """The number of an axis, which may be counted from the last. Raises GraphError."""
    axis = value + rank if value < 0 else value
    if not 0 <= axis < rank:
        raise GraphError("it has an axis that its input does not have")
    return axis


def _wider(left: Size, right: Size) -> Size:
    """A size of two that are broadcast: exact, since others than 1 must be equal."""
    if left is right:
        return left
    if not isinstance(right, np.ndarray) and right == 1:
        return left
    if not isinstance(left, np.ndarray):
        if left == 1:
            return right
        if not isinstance(right, np.ndarray):
            return left
    return np.where(np.equal(left, 1), right, left)


def broadcast(shapes: Sequence[tuple[Size, ...]]) -> tuple[Size, ...]:
    """The sizes of tensors that are computed with element by element."""
    rank = max(map(len, shapes))
    dims: tuple[Size, ...] = (1.0,) * rank
    for shape in shapes:
        full = (1.0,) * (rank - len(shape)) + shape
        dims = tuple(map(_wider, dims, full))
    return dims


def plain(value: Any) -> Size:
    """What NumPy computed, as a size."""
    return value.astype(np.float64) if np.ndim(value) else float(value)


def chosen(condition: Any, yes: Size, no: Size) -> Size:
    """One of two sizes, batch by batch where the condition differs."""
    if not isinstance(condition, np.ndarray):
        return yes if condition else no
    return np.where(condition, yes, no) if condition.any() else no
