from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_sp.io.plotting.layers import Content, Curve, Cut, RegionLook, Scale, Stems, Strip, Text
from peft_sp.io.plotting.shapes import Box, Line, Markers, Words

FRAME = SimpleNamespace(x=Scale(0.0, 1.0), y=Scale(10.0, -10.0))


def content(**more):
    return Content({"title": "", "short": "abc"}, "MKT", **more)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.9]), min_size=2, max_size=30))
def test_a_curve_is_drawn_where_it_or_a_neighbour_leaves_the_axis(values):
    layer = Curve(0, "ink", 1.0, (), "square", 4.0, least=0.05, marked=0.5)
    shapes = list(layer.fill(FRAME, content(curves=[values])))
    lines = [shape for shape in shapes if isinstance(shape, Line)]
    drawn = sorted(x for line in lines for x, _ in line.points)
    near = [max(values[max(n - 1, 0) : n + 2]) >= 0.05 for n in range(len(values))]
    assert drawn == [n + 1 for n, inked in enumerate(near) if inked]
    assert all(
        y == pytest.approx(10 - 10 * values[int(x) - 1]) for ln in lines for x, y in ln.points
    )
    marked = [x for shape in shapes if isinstance(shape, Markers) for x, _ in shape.points]
    assert marked == [n for n, value in enumerate(values, 1) if value >= 0.5]


def test_a_curve_of_one_residue_is_a_dot():
    layer = Curve(0, "ink", 1.0, (), None, 4.0, least=0.05, marked=0.5)
    assert list(layer.fill(FRAME, content(curves=[[0.8]]))) == [
        Markers(((1.0, 2.0),), "ink", "circle", 4.0)
    ]
    assert not list(layer.fill(FRAME, content(curves=[[0.1]])))


def test_stems_stand_behind_their_residue():
    layer = Stems("ink", 1.0, 4.0, least=0.1)
    assert list(layer.fill(FRAME, content(cleavage=[0.0, 0.5, 0.05]))) == [
        Line(((2.5, 10.0), (2.5, 5.0)), "ink", 1.0),
        Markers(((2.5, 5.0),), "ink", "circle", 4.0),
    ]
    assert not list(layer.fill(FRAME, content(cleavage=[0.0, 0.0, 0.0])))


def test_a_cut_is_drawn_where_there_is_one():
    layer = Cut(0.0, 5.0, "ink", 1.0, ())
    assert not list(layer.fill(FRAME, content()))
    assert list(layer.fill(FRAME, content(site=2))) == [Line(((2.5, 0.0), (2.5, 5.0)), "ink", 1.0)]


def test_a_region_without_room_has_no_name():
    looks = (RegionLook("long name", "ink", "ink-tint"), RegionLook("n", "ink", "ink-tint"))
    layer = Strip(0.0, 3.0, 0.5, 9.0, 8.0, letter=1.0, overhang=1.0, looks=looks)
    shapes = list(layer.fill(FRAME, content(regions=((0, 1, 2), (1, 3, 3)))))
    assert [type(shape) for shape in shapes] == [Box, Box, Words]
    assert (shapes[0].x, shapes[0].width) == (0.75, 1.5)
    assert (shapes[2].x, shapes[2].text) == (3.0, "n")


@pytest.mark.parametrize(
    ("text", "room", "fitting"),
    [
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd\u2026"),
        ("MMMM", 5, "MM\u2026"),
        ("\u4fe1\u53f7\u80bd\u4fe1", 5, "\u4fe1\u53f7\u2026"),
        ("\U0001f9ec" * 4, 5, "\U0001f9ec" * 2 + "\u2026"),
        ("ab", 0.5, "\u2026"),
    ],
)
def test_a_text_is_cut_to_its_room(text, room, fitting):
    own = Content({"title": text}, "M")
    (words,) = Text("title", 0.0, 0.0, 8.0, room=room).fill(FRAME, own)
    assert words.text == fitting


def test_an_empty_text_is_nothing():
    assert not list(Text("title", 0.0, 0.0, 8.0).fill(FRAME, content()))
