"""The package's front door: what it names, what it loads, and that its examples run."""

from __future__ import annotations

import ast
import doctest
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import peft_sp
from tests.support.paths import ROOT

SVG = "{http://www.w3.org/2000/svg}"
OWN = ("models", "train", "crossvalidate")


def in_a_fresh_interpreter(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not run.returncode, run.stderr
    return run.stdout.strip()


def test_every_name_is_there():
    for name in peft_sp.__all__:
        assert getattr(peft_sp, name) is not None, name
        assert name in dir(peft_sp)
    with pytest.raises(AttributeError, match="'peft_sp' has no attribute 'predcit'"):
        _ = peft_sp.predcit
    assert not hasattr(peft_sp, "torch")


def test_a_star_brings_all_names():
    found = {}
    exec("from peft_sp import *", found)
    assert set(peft_sp.__all__) <= set(found)
    assert found["TYPES"][0] == "NO_SP" and issubclass(found["InputError"], found["PeftSpError"])


def test_types_and_laziness_agree():
    """What type checkers are told is what is loaded."""
    tree = ast.parse(Path(peft_sp.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        (node.module, alias.asname or alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {(home, name) for name, home in peft_sp._HOME.items()}
    assert set(peft_sp.__all__) == {*peft_sp._HOME, *OWN, "__version__"}
    assert len(set(peft_sp.__all__)) == len(peft_sp.__all__)


def test_importing_it_loads_nothing_else():
    code = (
        "import sys, peft_sp\n"
        "print([m for m in sys.modules if m.startswith(('peft_sp.', 'numpy'))])"
    )
    assert in_a_fresh_interpreter(code) == str(
        ["peft_sp.biology", "peft_sp.biology.drawing", "peft_sp.version"]
    )


def test_predictions_are_whole_in_another_process(ecoli):
    prediction = next(peft_sp.load("fast", threads=1).predict(ecoli))
    code = (
        "import pickle\n"
        f"prediction = pickle.loads({pickle.dumps(prediction)!r})\n"
        "print(prediction.id, prediction.type, prediction.probability)"
    )
    expected = f"{prediction.id} {prediction.type} {prediction.probability}"
    assert in_a_fresh_interpreter(code) == expected


def test_models():
    found = {model.name: model for model in peft_sp.models()}
    assert isinstance(found["fast"], peft_sp.Model) and not found["fast"].problem
    predictor = peft_sp.load(found["fast"], threads=1)
    assert isinstance(predictor, peft_sp.Predictor)


@pytest.mark.integration
def test_the_examples_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(peft_sp)
    assert found.attempted > 8 and not found.failed


def test_a_notebook_shows_pictures(ecoli):
    """With curves where there are marginals, and without a drawing library."""
    predictor = peft_sp.load("fast", threads=1)
    plain, full = (next(predictor.predict(ecoli, marginals=m)) for m in (False, True))
    pictures = [ElementTree.fromstring(one._repr_svg_()) for one in (plain, full)]
    for picture in pictures:
        assert plain.protein.window in [text.text for text in picture.iter(f"{SVG}text")]
    curves = [len(list(picture.iter(f"{SVG}polyline"))) for picture in pictures]
    assert curves[0] < curves[1]


def test_a_prediction_is_plotted_on_the_axes_of_the_user(ecoli):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    predictor = peft_sp.load("fast", threads=1)
    plain, full = (next(predictor.predict(ecoli, marginals=m)) for m in (False, True))
    axes = Figure().subplots(1, 2)
    assert [one.plot(ax) for one, ax in zip((plain, full), axes, strict=True)] == list(axes)
    assert all(full.id in ax.get_title(loc="left") for ax in axes)
    assert len(axes[1].lines) > len(axes[0].lines)
