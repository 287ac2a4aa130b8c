"""Predictions are drawn by what is registered."""

from __future__ import annotations

import pytest

from peft_sp.biology import drawing
from peft_sp.biology.prediction import Prediction, Protein
from tests.support.predictions import by_type

PREDICTION = Prediction(Protein("p", "MKT"), "NO_SP", by_type(1.0))


@pytest.fixture
def own(monkeypatch):
    """A place for registrations of a test's own."""
    monkeypatch.setattr(drawing, "_registered", [])


def test_a_prediction_is_drawn_by_what_is_registered(own):
    drawing.register(drawing.Drawing(lambda p: f"<svg>{p.id}</svg>", lambda p, ax: (p.id, ax)))
    assert PREDICTION._repr_svg_() == "<svg>p</svg>"
    axes = object()
    assert PREDICTION.plot() == ("p", None) and PREDICTION.plot(ax=axes) == ("p", axes)
    drawing.register(drawing.Drawing(lambda p: "other", lambda p, ax: None))
    assert PREDICTION._repr_svg_() == "other"


def test_nothing_is_registered(own):
    with pytest.raises(LookupError, match="import peft_sp does it"):
        drawing.registered()


def test_the_package_registers_at_its_import():
    assert drawing.registered().svg(PREDICTION).startswith("<svg ")
