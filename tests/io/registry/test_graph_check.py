"""Networks that end and are bounded are run; whatever else an ONNX file can hold is refused."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from peft_sp.errors import ModelError
from peft_sp.inference.backends import OnnxBackend
from peft_sp.io.registry.graph_check import Measured, check, require
from peft_sp.io.registry.graph_file import GraphError, read_graph
from peft_sp.io.registry.lookup import bundled
from tests.support.graphs import STATES, network
from tests.support.paths import ROOT

node = helper.make_node


def refused(model, problem):
    with pytest.raises(GraphError, match=problem) as caught:
        check(model.SerializeToString())
    assert "\n" not in str(caught.value)


def test_what_is_shipped_is_run(tmp_path):
    for file in (bundled()["fast"], ROOT / "packs/esm2-8m/src/peft_sp_esm2_8m"):
        assert require(file / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(network().SerializeToString())
    emissions = OnnxBackend(tmp_path / "model.onnx", 1).emissions(np.zeros((2, 9), np.uint8))
    assert emissions.shape == (2, 9, STATES)


def test_a_network_without_its_outputs_or_of_another_grammar():
    refused(network(without="emissions"), "does not compute emissions")
    refused(network(without="ends"), "does not compute ends")
    refused(network(shapes={"transitions": (3, 3)}), "transitions are not those of 37 states")
    refused(network(shapes={"starts": (STATES, 1)}), "starts are not those of 37 states")


def test_another_input_or_other_versions_are_refused():
    wrong = network()
    wrong.graph.input[0].name = "letters"
    refused(wrong, "its input is not a batch of residues of any length")
    wrong = network()
    wrong.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**40
    refused(wrong, "its input is not a batch")
    refused(network(opset=18), "operators are not those of ONNX 17")


def loop():
    one = helper.make_tensor("one", TensorProto.BOOL, [], [True])
    body = helper.make_graph(
        [node("Identity", ["go.in"], ["go.out"]), node("Constant", [], ["x"], value=one)],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("go.in", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("go.out", TensorProto.BOOL, [])],
    )
    return network([node("Loop", ["", "go"], [], body=body)], {"go": np.array(True)})


def test_what_loops_or_branches_is_refused():
    refused(loop(), "it has an inner graph")
    for name in ("Loop", "If", "Scan", "NonZero", "RandomNormal", "StringNormalizer", "Resize"):
        refused(network([node(name, ["codes"], ["x"])]), f"an operator .* {name}")
    refused(network([node("Attention", ["codes"], ["x"], domain="com.microsoft")]), "Attention")
    refused(network([node("Add", ["codes", "codes"], ["x"], domain="own")]), "own:Add")


def test_functions_and_weights_elsewhere_are_refused():
    wrong = network()
    wrong.functions.add().name = "f"
    refused(wrong, "it has functions")
    wrong = network()
    tensor = wrong.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    refused(wrong, "it has weights in another file")
    wrong = network()
    wrong.graph.sparse_initializer.add().dims.extend([2])
    refused(wrong, "it has sparse weights")


BIG = np.array([2**16, 2**15], np.int64)
HOSTILE = {
    "a constant": [node("ConstantOfShape", ["big"], ["x"])],
    "repeats": [node("Expand", ["letters", "repeats"], ["x"])],
    "numbers": [node("Range", ["none", "most", "one"], ["x"])],
    "an outer product": [
        node("ConstantOfShape", ["thousands"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[1, 0]),
        node("MatMul", ["b", "a"], ["x"]),
    ],
    "an outer sum": [
        node("ConstantOfShape", ["thousands"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[1, 0]),
        node("Add", ["b", "a"], ["x"]),
    ],
    "many constants": [node("ConstantOfShape", ["million"], [f"x{n}"]) for n in range(2000)],
    "copies of copies": [
        node("Concat", ["letters"] * 50, ["a"], axis=0),
        node("Concat", ["a"] * 50, ["b"], axis=0),
        node("Concat", ["b"] * 50, ["c"], axis=0),
        node("Concat", ["c"] * 50, ["d"], axis=0),
    ],
    "rows of rows": [
        node("ConstantOfShape", ["plenty"], ["a"]),
        node("Cast", ["a"], ["b"], to=TensorProto.INT64),
        node("Gather", ["letters", "b"], ["x"]),
    ],
    "padding": [
        node("ConstantOfShape", ["window"], ["a"]),
        node("Conv", ["a", "kernel"], ["x"], pads=[2**30, 2**30]),
    ],
    "columns of a convolution": [
        node("ConstantOfShape", ["line"], ["a"]),
        node("Conv", ["a", "wide"], ["x"]),
    ],
    "only batches of seven": [
        node("Shape", ["residues"], ["shape"]),
        node("Gather", ["shape", "none"], ["count"]),
        node("Equal", ["count", "seven"], ["is"]),
        node("Where", ["is", "most", "one"], ["size"]),
        node("Unsqueeze", ["size", "axis"], ["sizes"]),
        node("ConstantOfShape", ["sizes"], ["x"]),
    ],
    "much work": [
        node("ConstantOfShape", ["million"], ["a"]),
        *(node("MatMul", ["a", "a"], [f"x{n}"]) for n in range(200)),
    ],
}
WEIGHTS = {
    "big": BIG,
    "repeats": np.array([2**27, 26, 37], np.int64),
    "none": np.array(0, np.int64),
    "one": np.array(1, np.int64),
    "seven": np.array(7, np.int64),
    "most": np.array(2**31, np.int64),
    "axis": np.array([0], np.int64),
    "thousands": np.array([1, 60_000], np.int64),
    "million": np.array([1000, 1000], np.int64),
    "plenty": np.array([5000, 5000], np.int64),
    "line": np.array([1, 1, 2**20], np.int64),
    "wide": np.zeros((1, 1, 2**10), np.float32),
    "window": np.array([1, 1, 70], np.int64),
    "kernel": np.zeros((4, 1, 3), np.float32),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_file_takes_no_gigabytes_and_no_hours(name):
    start = time.process_time()
    refused(network(HOSTILE[name], WEIGHTS), "GB of memory|multiplications|impossible sizes")
    assert time.process_time() - start < 2


def test_sizes_that_depend_on_residues_are_refused():
    hostile = [
        node("ReduceSum", ["codes"], ["sum"], keepdims=0),
        node("Unsqueeze", ["sum", "axis"], ["sizes"]),
        node("ConstantOfShape", ["sizes"], ["x"]),
    ]
    refused(network(hostile, WEIGHTS), "sizes that do not follow from the length of a batch")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_weights_are_numbers(value, kind):
    weights = {"own": np.array([0, value], kind)}
    refused(network(weights=weights), "weights are NaN or infinite, such as those of 'own'")
    tensor = helper.make_tensor("", TensorProto.FLOAT, [1], np.float32([value]).tobytes(), raw=True)
    refused(network([node("Constant", [], ["x"], value=tensor)]), "weights are NaN or infinite")


def test_a_refused_network_is_one_line_that_names_its_file(tmp_path):
    file = tmp_path / "model.onnx"
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read .No such file"):
        require(file)
    file.write_bytes(loop().SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx: not a model of this program .it has an in"):
        OnnxBackend(file)


@given(st.data())
def test_bytes_that_were_changed_are_refused_or_bounded(data):
    """Whatever passes the check is a graph that was followed to its end."""
    content = bytearray(network(HOSTILE["only batches of seven"][:2], WEIGHTS).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except GraphError as error:
        assert len(str(error).splitlines()) == 1


# What ONNX Runtime makes more of than it seems ---------------------------------------------------


def followed(*nodes, weights, size):
    """A network with a tensor of as many values as a list of integers says."""
    return network([*nodes, node("ConstantOfShape", [size], ["x"])], {**WEIGHTS, **weights})


def test_integers_that_a_number_here_would_not_hold_give_no_sizes():
    """2^62 + 500 and 2^62 are one number in float64, and 500 apart in the runtime."""
    weights = {"a": np.array([2**62 + 500]), "b": np.array([2**62])}
    for nodes in (
        [node("Sub", ["a", "b"], ["d"])],
        [node("Equal", ["a", "b"], ["e"]), node("Where", ["e", "axis", "million"], ["d"])],
        [node("Identity", ["a"], ["d"])],
    ):
        refused(followed(*nodes, weights=weights, size="d"), "sizes that")
    # As the end of a part they stand for its last value.
    weights = {"first": np.array([0]), "end": np.array([2**63 - 1])}
    whole = node("Slice", ["thousands", "first", "end"], ["d"])
    check(followed(whole, weights=weights, size="d").SerializeToString())


@pytest.mark.parametrize("operator", ["ReduceSum", "Squeeze", "Unsqueeze"])
def test_an_empty_list_of_axes_which_may_mean_all_is_refused(operator):
    nodes = [node(operator, ["letters", "nothing"], ["x"])]
    refused(network(nodes, {"nothing": np.zeros(0, np.int64)}), "list of axes that is empty")
    twice = network([node(operator, ["letters", "axes"], ["x"])], {"axes": np.array([0, 0])})
    refused(twice, "names one twice")


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8])
def test_integers_of_residues_are_not_divided(kind):
    """The least integer by -1, as any by 0, ends a process."""
    nodes = [node("Cast", ["residues"], ["a"], to=kind), node("Div", ["a", "a"], ["x"])]
    refused(network(nodes), "it divides integers that do not follow")
    by_nothing = [node("Div", ["most", "none"], ["x"])]
    refused(network(by_nothing, WEIGHTS), "it divides integers that do not follow")
    check(network([node("Div", ["most", "seven"], ["x"])], WEIGHTS).SerializeToString())


def test_tensors_without_values_are_refused():
    """A recurrence over none ends a process."""
    empty = {"e": np.zeros((4, 0, 2), np.float32), "w": np.zeros((1, 8, 2), np.float32)}
    refused(
        network([node("LSTM", ["e", "w", "w"], ["", "x"], hidden_size=2)], empty),
        "impossible sizes",
    )


def test_types_are_those_that_the_runtime_gives():
    """A type that is wider than it seems would be memory that nobody counted."""
    weights = {
        "wide": np.ones((2, 2), np.float64),
        "bytes": np.ones((2, 2), np.int8),
        "one": np.float32(1),
    }
    product = ["bytes", "bytes", "one", "one"]
    nodes = [
        node("Pow", ["wide", "bytes"], ["power"]),
        node("MatMulIntegerToFloat", product, ["product"], domain="com.microsoft"),
    ]
    content = network(nodes, weights).SerializeToString()
    measured = Measured(read_graph(content), len(content))
    measured.outputs()
    assert measured.known["power"].type == TensorProto.DOUBLE
    assert measured.known["product"].type == TensorProto.FLOAT
    wrong = network(without="starts", nodes=[node("Cast", ["starts.value"], ["starts"], to=11)])
    wrong.graph.output.append(helper.make_tensor_value_info("starts", TensorProto.DOUBLE, None))
    wrong.graph.node.pop(
        next(n for n, own in enumerate(wrong.graph.node) if own.output[0] == "starts")
    )
    refused(wrong, "its starts are not those")


def test_options_that_no_network_here_has_are_refused():
    refused(
        network([node("ReduceSum", ["letters"], ["x"], noop_with_empty_axes=1)]),
        "an option that no network here has",
    )
    wrong = network([node("Softmax", ["letters"], ["x"], axis=1)])
    wrong.graph.node[-1].attribute.append(wrong.graph.node[-1].attribute[0])
    refused(wrong, "an attribute twice")
    wrong = network([node("Softmax", ["letters"], ["x"], axis=1)])
    wrong.graph.node[-1].attribute[0].ints.append(0)
    refused(wrong, "of another type than its value")


def test_truth_is_0_or_1():
    wrong = network(weights={"yes": np.array([True])})
    wrong.graph.initializer[-1].raw_data = b"\x07"
    refused(wrong, "neither true nor false")


def test_more_steps_than_any_network_takes_are_refused():
    chain = [node("Add", [f"x{n}", f"x{n}"], [f"x{n + 1}"]) for n in range(16_001)]
    refused(network([node("Cast", ["residues"], ["x0"], to=1), *chain]), "16,000 nodes")
    slow = [node("Pow", [f"x{n}", "half"], [f"x{n + 1}"]) for n in range(60)]
    nodes = [node("Expand", ["half", "million"], ["x0"]), *slow]
    refused(network(nodes, {**WEIGHTS, "half": np.float32(0.5)}), "multiplications .Pow")


def test_a_file_too_large_to_be_one_is_not_read(tmp_path):
    with open(tmp_path / "model.onnx", "wb") as file:
        file.truncate(60 * 10**9)
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read .it is larger than 2,147"):
        require(tmp_path / "model.onnx")
