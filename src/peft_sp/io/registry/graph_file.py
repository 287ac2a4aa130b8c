"""What stands in a `model.onnx`, read without the library onnx and without running any of it.

The file is a message of protocol buffers: pairs of a field's number and its value, one after the
other. Read are the fields of a graph whose weights are inside the file; a field that says anything
else (inner graphs, functions, files beside this one) is an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = memoryview
Fields = dict[int, list[Any]]

ITEM_SIZES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8}
"""Bytes of a value by the number of its type: float32, uint8, int8, int32, int64, bool, float16,
float64."""
_BOOL = 9
FLOATS = {1: np.float32, 10: np.float16, 11: np.float64}
INTEGERS = {2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_}


class GraphError(ValueError):
    """A graph that is not run; the text says why."""


@dataclass(frozen=True)
class Weights:
    """A tensor of known values; type: a key of `ITEM_SIZES`."""

    type: int
    dims: tuple[int, ...]
    data: Bytes = field(repr=False)

    @property
    def array(self) -> NDArray[Any]:
        """The values, flat."""
        dtype = FLOATS.get(self.type) or INTEGERS[self.type]
        return np.frombuffer(self.data, np.dtype(dtype).newbyteorder("<"))


@dataclass(frozen=True)
class Node:
    """A step of a graph. operator: its name, behind `DOMAIN:` where it is not ONNX's own."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """A network. versions: of the operators of each domain; inputs: types and known sizes, None
    for those that are free, by name.
    """

    versions: Mapping[str, int]
    nodes: Sequence[Node]
    weights: Mapping[str, Weights]
    inputs: Mapping[str, tuple[int, tuple[int | None, ...]]]
    outputs: tuple[str, ...]


_Message = tuple[frozenset[int], frozenset[int], dict[int, str]]


def _of(once: str, often: str = "", **others: str) -> _Message:
    """Of a message the fields that stand once, those that may stand often, and what others are."""
    return (
        frozenset(map(int, once.split())),
        frozenset(map(int, often.split())),
        {int(number[1:]): what for number, what in others.items()},
    )


_MODEL = _of("1 2 3 4 5 6 7", "8 14", _25="functions", _20="training steps")
_VERSION = _of("1 2")
_GRAPH = _of("2 10", "1 5 11 12 13", _15="sparse weights", _14="quantization notes")
_NODE = _of("3 4 6 7", "1 2 5", _8="functions")
_ATTRIBUTE = _of("1 2 3 4 5 13 20", "7 8", _6="an inner graph", _11="inner graphs")
_TENSOR = _of("2 8 9 12", "1", _13="weights in another file", _14="weights in another file")
_VALUE = _of("1 2 3")
_TYPE = _of("1")
_TENSOR_TYPE = _of("1 2")
_SHAPE = _of("", "1")
_SIZE = _of("1 2 3")


def read_graph(content: bytes) -> Graph:
    """The graph in a file. Raises GraphError."""
    try:
        model = _message(memoryview(content), _MODEL)
        versions = {}
        for part in model.get(8, []):
            entry = _message(part, _VERSION)
            if _text(entry, 1) in versions:
                raise GraphError("it has operators of two versions")
            versions[_text(entry, 1)] = _integer(entry, 2)
        return _graph(_message(_bytes(model, 7), _GRAPH), versions)
    except (IndexError, UnicodeDecodeError, TypeError):
        raise GraphError("it is no ONNX file, or cut off") from None


def _graph(graph: Fields, versions: dict[str, int]) -> Graph:
    weights: dict[str, Weights] = {}
    for part in graph.get(5, []):
        name, tensor = _weights(part)
        if name in weights:
            raise GraphError(f"weights '{name}' stand twice")
        weights[name] = tensor
    outputs = [_text(_message(part, _VALUE), 1) for part in graph.get(12, [])]
    inputs = dict(_input(_message(part, _VALUE)) for part in graph.get(11, []))
    return Graph(versions, list(map(_node, graph.get(1, []))), weights, inputs, tuple(outputs))


def _node(part: Any) -> Node:
    node = _message(part, _NODE)
    domain = _text(node, 7)
    given = [_attribute(_message(entry, _ATTRIBUTE)) for entry in node.get(5, [])]
    attributes = dict(given)
    if len(attributes) < len(given):
        raise GraphError("a node has an attribute twice")
    return Node(
        f"{domain}:{_text(node, 4)}" if domain else _text(node, 4),
        tuple(str(name, "utf-8") for name in node.get(1, [])),
        tuple(str(name, "utf-8") for name in node.get(2, [])),
        attributes,
    )


_VALUES = {1: 2, 2: 3, 3: 4, 4: 5, 6: 7, 7: 8}
"""The field of an attribute's value by the number of its type."""


def _attribute(entry: Fields) -> tuple[str, Any]:
    """The name of an attribute and its value, None for one of floating-point numbers."""
    name, kind = _text(entry, 1), _integer(entry, 20)
    if kind not in _VALUES or entry.keys() & set(_VALUES.values()) - {_VALUES[kind]}:
        raise GraphError(f"attribute '{name}' is of another type than its value")
    value: Any = None
    if kind == 4:
        value = _weights(_bytes(entry, 5))[1]
    elif kind == 2:
        value = _integer(entry, 3)
    elif kind == 7:
        value = _integers(entry.get(8, []))
    elif kind == 3:
        value = _text(entry, 4)
    return name, value


def _weights(part: Any) -> tuple[str, Weights]:
    tensor = _message(part, _TENSOR)
    kind, dims, data = _integer(tensor, 2), _integers(tensor.get(1, [])), _bytes(tensor, 9)
    name = _text(tensor, 8)
    if kind not in ITEM_SIZES:
        raise GraphError(f"weights '{name}' are of a type that no network here has ({kind})")
    count = 1
    for dim in dims:
        count *= dim
    if any(dim < 0 for dim in dims) or count * ITEM_SIZES[kind] != len(data):
        raise GraphError(f"weights '{name}' are not as many as their sizes say")
    if kind == _BOOL and bytes(data).strip(b"\0\1"):
        raise GraphError(f"weights '{name}' are neither true nor false")
    return name, Weights(kind, dims, data)


def _input(value: Fields) -> tuple[str, tuple[int, tuple[int | None, ...]]]:
    tensor = _message(_bytes(_message(_bytes(value, 2), _TYPE), 1), _TENSOR_TYPE)
    sizes = [_message(part, _SIZE) for part in _message(_bytes(tensor, 2), _SHAPE).get(1, [])]
    dims = tuple(_integer(size, 1) if 1 in size else None for size in sizes)
    return _text(value, 1), (_integer(tensor, 1), dims)


def _message(data: Any, known: _Message) -> Fields:
    """The fields of a message by their numbers. Raises GraphError for others than those known."""
    once, often, others = known
    found: Fields = {}
    for number, value in _pairs(data):
        if number in once:
            if number in found:
                raise GraphError("a field that stands once stands twice")
            found[number] = [value]
        elif number in often:
            found.setdefault(number, []).append(value)
        else:
            raise GraphError(f"it has {others.get(number, f'a field of number {number}')}")
    return found


def _pairs(data: Bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and values of a message's fields. Raises IndexError where it is cut off."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(wire, end)
        if at + size > end:
            raise IndexError
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: Bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    total, shift = byte & 0x7F, 7
    while byte >= 0x80:
        at += 1
        byte = data[at]
        total |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            raise IndexError
    return total, at + 1


def _signed(value: Any) -> int:
    if not isinstance(value, int) or value >= 1 << 64:
        raise TypeError
    return value - (1 << 64) if value >= 1 << 63 else value


def _integer(message: Fields, number: int) -> int:
    return _signed(message[number][0]) if number in message else 0


def _integers(values: Sequence[Any]) -> tuple[int, ...]:
    """A list of integers, which may be packed."""
    numbers: list[int] = []
    for value in values:
        if isinstance(value, int):
            numbers.append(_signed(value))
            continue
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            numbers.append(_signed(number))
    return tuple(numbers)


def _bytes(message: Fields, number: int) -> Bytes:
    value = message[number][0] if number in message else memoryview(b"")
    if not isinstance(value, memoryview):
        raise TypeError
    return value


def _text(message: Fields, number: int) -> str:
    return str(_bytes(message, number), "utf-8")
