"""The sizes that are computed of a graph are those that ONNX Runtime gives its tensors."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from peft_sp.biology.grammar import WINDOW
from peft_sp.io.registry.graph_file import read_graph
from peft_sp.io.registry.graph_sizes import RULES
from peft_sp.io.registry.lookup import bundled
from tests.support.operators import Everything, compare
from tests.support.paths import ROOT

SHIPPED = (bundled()["fast"], ROOT / "packs" / "esm2-8m" / "src" / "peft_sp_esm2_8m")


@pytest.mark.parametrize("directory", SHIPPED, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(1, 1), (2, WINDOW), (7, 33), (32, 70)])
def test_sizes_are_those_that_the_runtime_gives(directory, shape):
    content = (directory / "model.onnx").read_bytes()
    measured = Everything(read_graph(content), len(content))
    measured.outputs()
    model = onnx.load_from_string(content)
    names = [name for node in model.graph.node for name in node.output if name]
    names = names[:: max(len(names) // 300, 1)]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    residues = np.random.default_rng(0).integers(0, 20, shape).astype(np.uint8)
    column = (shape[0] - 1) * WINDOW + shape[1] - 1
    for name, found in zip(names, session.run(names, {"residues": residues}), strict=True):
        own = measured.known[name]
        dims = tuple(int(d[column] if isinstance(d, np.ndarray) else d) for d in own.dims)
        assert dims == found.shape, name
        if own.values is not None:
            values = [int(v[column] if isinstance(v, np.ndarray) else v) for v in own.values]
            assert values == found.ravel().tolist(), name


def test_operators_that_loop_or_branch_are_none_of_those_allowed():
    assert not {"Loop", "If", "Scan", "SequenceMap", "While", "PyOp"} & RULES.keys()


@pytest.mark.integration
def test_sizes_of_any_operators_are_those_that_the_runtime_gives():
    """`python benchmarks/fuzz.py --operators` draws more of them."""
    found = [compare(seed) for seed in range(150)]
    assert found.count("the same") > 40
