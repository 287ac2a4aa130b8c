"""Charts of lines: ticks that enclose the numbers, and points where the axes say."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.panels import Curve, Panel, draw, ticks

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 2, [0, 0.5, 1, 1.5, 2]),
        (0.13, 0.94, [0, 0.5, 1]),
        (3, 3, [2, 3, 4, 5]),
        (0, 0.002, [0, 0.0005, 0.001, 0.0015, 0.002]),
    ],
)
def test_ticks_are_round(low, high, expected):
    found = ticks(low, high)
    assert found[0] <= low and found[-1] >= high
    assert len(found) <= 6
    if low != high:
        assert found == pytest.approx(expected)


@given(NUMBERS, NUMBERS)
def test_ticks_enclose_every_range(one, two):
    low, high = sorted((one, two))
    found = ticks(low, high)
    slack = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert found[0] <= low + slack and found[-1] >= high - slack
    assert 2 <= len(found) <= 7


def points(svg, colour):
    lines = ET.fromstring(svg).iter(f"{SVG}polyline")
    (line,) = [one for one in lines if one.get("stroke") == LIGHT[colour]]
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_points_stand_where_the_axes_say():
    curve = Curve("loss", [0, 1, 2], [4.0, 2.0, 0.0])
    found = points(draw([Panel("loss", "epoch", (curve,))]), "n-region")
    (x0, y0), (x1, y1), (x2, y2) = found
    assert x1 - x0 == pytest.approx(x2 - x1) and x0 < x1, "epochs go right"
    assert y1 - y0 == pytest.approx(y2 - y1) and y0 < y1, "and a smaller loss is lower down"


def test_what_is_no_number_is_left_out():
    curve = Curve("a", [0, 1, 2, 3], [1.0, None, math.nan, 3.0])
    assert len(points(draw([Panel("a", "x", (curve,))]), "n-region")) == 2


def test_panels_without_a_point_are_left_out():
    full, empty = Curve("a", [1], [2.0]), Curve("b", [1], [None])
    text = draw([Panel("full", "x", (full,)), Panel("empty", "x", (empty,))])
    assert "full" in text and "empty" not in text
    assert re.search("<circle", text), "one point is a dot"
    assert draw([Panel("empty", "x", (empty,))]) == ""


def test_curves_of_one_panel_are_named_in_their_colours():
    panel = Panel("t", "x", (Curve("first", [0, 1], [0, 1]), Curve("second", [0, 1], [1, 0])))
    root = ET.fromstring(draw([panel]))
    fills = {word.text: word.get("fill") for word in root.iter(f"{SVG}text")}
    assert (fills["first"], fills["second"]) == (LIGHT["n-region"], LIGHT["h-region"])
