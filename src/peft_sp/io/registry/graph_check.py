"""Which networks in a `model.onnx` are run: those that end, and whose memory and work are bounded.

A graph of the operators in `graph_sizes.RULES` has no loop, so it ends. How much memory and how
many multiplications it takes is computed from the sizes of its tensors, for every batch of up to
`WINDOWS_PER_CALL` windows, before ONNX Runtime sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from peft_sp.biology.grammar import WINDOW, grammar
from peft_sp.errors import ModelError
from peft_sp.io.registry.graph_file import (
    FLOATS,
    ITEM_SIZES,
    Graph,
    GraphError,
    Node,
    Weights,
    read_graph,
)
from peft_sp.io.registry.graph_sizes import ATTRIBUTES, COSTS, MOVED, RULES
from peft_sp.io.registry.graph_tensors import (
    FLOAT,
    INT64,
    LARGEST,
    UINT8,
    Size,
    Tensor,
    of_weights,
)
from peft_sp.io.registry.regular import read_regular

WINDOWS_PER_CALL = 32
"""Windows that ONNX Runtime computes together: more do not fit the processor's cache. A batch may
hold more, which spares the decoder calls."""
INTEGER_PRODUCT = b"MatMulIntegerToFloat"
"""The operator of products in int8, as a file names it."""
OPSET = 17
"""The version of ONNX's operators in exported networks, the first with LayerNormalization; read by
every ONNX Runtime that the package allows."""
OUTPUTS = ("emissions", "transitions", "starts", "ends")
LARGEST_FILE = 2**31
"""Bytes of a file that ONNX Runtime reads."""
MOST_NODES = 16_000
"""Ten networks of twelve layers have 15,400. ONNX Runtime prepares as many in two minutes."""
MEMORY_PER_BYTE = 100
"""Bytes in memory for each byte of the file at most: weights may be stored as bytes, and ten
networks as their differences from one."""
SPARE_MEMORY = 2**30
"""Bytes that a network of any size may take."""
WORK_PER_BYTE = 30
"""Multiplications for each residue of a batch, for each byte of the file at most."""
SPARE_WORK = 10**10
"""Multiplications that a batch may take with a network of any size: about a second."""

_BATCHES = np.repeat(np.arange(1.0, WINDOWS_PER_CALL + 1), WINDOW)
_LENGTHS = np.tile(np.arange(1.0, WINDOW + 1), WINDOWS_PER_CALL)
_REMEMBERED = 1000
"""Sizes whose largest value is remembered."""


def require(file: Path) -> bytes:
    """The content of a file with a network that may be run. Raises ModelError."""
    try:
        content = read_regular(file, LARGEST_FILE)
        check(content)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
    except GraphError as error:
        raise ModelError(f"{file}: not a model of this program ({error})") from None
    return content


def check(content: bytes) -> None:
    """Make sure that a network is one of this program's, and bounded. Raises GraphError."""
    graph = read_graph(content)
    if graph.versions.get("") != OPSET or not graph.versions.keys() <= {"", "com.microsoft"}:
        raise GraphError(f"its operators are not those of ONNX {OPSET}")
    if len(graph.nodes) > MOST_NODES:
        raise GraphError(f"it has more than {MOST_NODES:,} nodes")
    if graph.inputs != {"residues": (UINT8, (None, None))}:
        raise GraphError("its input is not a batch of residues of any length")
    _check_numbers(graph)
    tensors = Measured(graph, len(content)).outputs()
    states = float(grammar().size)
    shapes = {
        "emissions": (_BATCHES, _LENGTHS, states),
        "transitions": (states, states),
        "starts": (states,),
        "ends": (states,),
    }
    for name in OUTPUTS:
        if name not in tensors or name not in graph.outputs:
            raise GraphError(f"it does not compute {name}")
        if tensors[name].type != FLOAT or not _equal(tensors[name].dims, shapes[name]):
            raise GraphError(f"its {name} are not those of {states:.0f} states")


def _check_numbers(graph: Graph) -> None:
    """Raise GraphError for weights that are NaN or infinite."""
    constants = [v for node in graph.nodes for v in node.attributes.values()]
    named = [*graph.weights.items(), *(("", v) for v in constants if isinstance(v, Weights))]
    for name, weights in named:
        if weights.type in FLOATS and not np.isfinite(weights.array).all():
            raise GraphError(
                f"its weights are NaN or infinite, such as those of '{name}'; get the model "
                "again, or train it anew"
            )


def _equal(dims: Sequence[Size], expected: Sequence[Size]) -> bool:
    return len(dims) == len(expected) and all(
        np.array_equal(np.broadcast_to(dim, np.shape(own)), own)
        for dim, own in zip(dims, expected, strict=True)
        if np.ndim(dim) <= np.ndim(own)
    )


class Measured:
    """The sizes of a graph's tensors, node by node, each kept as long as it is read."""

    def __init__(self, graph: Graph, file_size: int) -> None:
        self.graph = graph
        self.known = {name: of_weights(weights) for name, weights in graph.weights.items()}
        self.known["residues"] = Tensor(UINT8, (_BATCHES, _LENGTHS))
        self.readers = Counter(name for node in graph.nodes for name in node.inputs)
        self.readers.update(graph.outputs)
        self.memory = self.work = 0.0
        self.largest: dict[int, tuple[Size, float]] = {}
        self.most_memory = SPARE_MEMORY + MEMORY_PER_BYTE * file_size
        self.most_work = SPARE_WORK + WORK_PER_BYTE * file_size * WINDOWS_PER_CALL * (WINDOW + 2)

    def outputs(self) -> dict[str, Tensor]:
        """The graph's outputs. Raises GraphError for what is not bounded."""
        written = set(self.known)
        for node in self.graph.nodes:
            if (rule := RULES.get(node.operator)) is None:
                raise GraphError(f"it has an operator that no network here has, {node.operator}")
            if not node.attributes.keys() <= ATTRIBUTES.get(node.operator, set()):
                raise GraphError(f"it has an option that no network here has ({node.operator})")
            try:
                inputs = [self.known[name] if name else None for name in node.inputs]
                made, factors = rule(node, inputs)
            except (KeyError, IndexError, TypeError, ValueError) as error:
                reason = str(error) if isinstance(error, GraphError) else "its inputs do not fit"
                raise GraphError(f"{reason} ({node.operator})") from None
            if len(node.outputs) > len(made):
                raise GraphError(f"it has more outputs than the operator gives ({node.operator})")
            self.work += self._most(factors) * COSTS.get(node.operator, MOVED)
            constant = all(tensor is None or tensor.constant for tensor in inputs)
            for name, tensor in zip(node.outputs, made, strict=False):
                if not name:  # not asked for
                    continue
                if name in written:
                    raise GraphError(f"'{name}' is computed twice")
                written.add(name)
                self._keep(name, tensor, (constant and bool(inputs)) or tensor.constant)
            # Some operators make copies of what they read or give while they compute.
            copied = max(map(self._bytes, [*filter(None, inputs), *made]), default=0.0)
            self._require_bounds(node, 2 * copied)
            for name in node.inputs:
                self._forget(name)
        return {name: self.known[name] for name in self.graph.outputs if name in self.known}

    def _keep(self, name: str, tensor: Tensor, constant: bool) -> None:
        if tensor.type not in ITEM_SIZES or len(tensor.dims) > 8:
            raise GraphError("it has tensors of another kind")
        self.known[name] = Tensor(tensor.type, tensor.dims, tensor.values, constant)
        self.memory += self._bytes(tensor)

    def _forget(self, name: str) -> None:
        """A tensor that nobody reads any more; constants stay, as they are computed once."""
        self.readers[name] -= 1
        tensor = self.known.get(name)
        if self.readers[name] == 0 and tensor is not None and not tensor.constant:
            self.memory -= self._bytes(tensor)
            del self.known[name]

    def _require_bounds(self, node: Node, beside: float) -> None:
        if self.memory + beside > self.most_memory:
            raise GraphError(
                f"it takes more than {self.most_memory / 1e9:.1f} GB of memory ({node.operator})"
            )
        if self.work > self.most_work:
            raise GraphError(
                f"it takes more than {self.most_work:.1e} multiplications ({node.operator})"
            )

    def _bytes(self, tensor: Tensor) -> float:
        if tensor.type == INT64 and tensor.values == ():
            return 0.0  # the shape of a single number
        return self._most(tensor.dims) * ITEM_SIZES[tensor.type]

    def _most(self, sizes: Sequence[Size]) -> float:
        """The product of sizes, of each the largest of all batches. Raises GraphError."""
        total = 1.0
        for size in sizes:
            most = size
            if isinstance(size, np.ndarray):
                if id(size) not in self.largest:
                    if len(self.largest) > _REMEMBERED:
                        self.largest.clear()
                    most = float(size.max()) if size.min() >= 1 else 0.0
                    self.largest[id(size)] = size, most  # held, so that no other gets its id
                most = self.largest[id(size)][1]
            if not 1 <= most < LARGEST:  # some operators end a process where nothing is to be done
                raise GraphError("it has tensors of impossible sizes")
            total *= float(most)
        return total
