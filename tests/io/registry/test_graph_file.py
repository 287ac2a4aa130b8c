"""ONNX files are read as the library onnx reads them, and refused where they say more."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from peft_sp.io.registry.graph_file import GraphError, read_graph
from peft_sp.io.registry.lookup import bundled
from tests.support.graphs import network


def test_a_file_is_read_as_the_library_reads_it():
    file = bundled()["fast"] / "model.onnx"
    own, theirs = read_graph(file.read_bytes()), onnx.load(file)
    assert own.versions == {entry.domain: entry.version for entry in theirs.opset_import}
    assert own.outputs == tuple(output.name for output in theirs.graph.output)
    assert own.inputs == {"residues": (2, (None, None))}
    assert len(own.nodes) == len(theirs.graph.node)
    for one, other in zip(own.nodes, theirs.graph.node, strict=True):
        assert one.operator.rpartition(":")[::2] == (other.domain, other.op_type)[::1]
        assert (one.inputs, one.outputs) == (tuple(other.input), tuple(other.output))
        for entry in other.attribute:
            value = helper.get_attribute_value(entry)
            if isinstance(value, onnx.TensorProto):
                expected = numpy_helper.to_array(value).ravel()
                np.testing.assert_array_equal(one.attributes[entry.name].array, expected)
            elif isinstance(value, list):
                assert one.attributes[entry.name] == tuple(value)
            elif isinstance(value, int):
                assert one.attributes[entry.name] == value
    for tensor in theirs.graph.initializer:
        weights = own.weights[tensor.name]
        assert (weights.type, weights.dims) == (tensor.data_type, tuple(tensor.dims))
        np.testing.assert_array_equal(weights.array, numpy_helper.to_array(tensor).ravel())


def test_a_file_that_is_cut_off_anywhere_is_refused():
    content = network().SerializeToString()
    whole = read_graph(content)
    for size in range(0, len(content), 7):
        try:
            assert read_graph(content[:size]) != whole
        except GraphError as error:
            assert len(str(error).splitlines()) == 1


def broken(change):
    model = network()
    change(model.graph)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda g: g.initializer[0].dims.__setitem__(0, 2**62), "not as many as their sizes say"),
        (lambda g: g.initializer[0].dims.__setitem__(0, -26), "not as many as their sizes say"),
        (lambda g: g.initializer.append(g.initializer[0]), "weights 'letters' stand twice"),
        (lambda g: setattr(g.initializer[0], "data_type", 8), "of a type that no network"),
        (lambda g: g.initializer[0].float_data.append(1), "a field of number 4"),
    ],
)
def test_weights_that_are_not_what_they_say_are_refused(change, problem):
    with pytest.raises(GraphError, match=problem):
        read_graph(broken(change))


def test_of_two_graphs_in_one_file_none_is_read():
    content = network().SerializeToString()
    with pytest.raises(GraphError, match="stands twice"):
        read_graph(content + content)


def test_a_number_without_end_is_refused():
    for content in (b"\xff" * 40, b"\x0f", b"\x3a\xff\xff\xff\xff\x7f", b"\x38\x01"):
        with pytest.raises(GraphError, match="no ONNX file, or cut off"):
            read_graph(content)
