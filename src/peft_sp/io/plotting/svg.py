"""A scene as SVG, without any drawing library."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.sax.saxutils import escape

from peft_sp.io.plotting.protein import (
    CORNERS,
    Box,
    Frame,
    Letters,
    Line,
    Markers,
    Points,
    Shapes,
    Words,
)

_FONT = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif"
_TYPEWRITER = "DejaVu Sans Mono,Menlo,Consolas,monospace"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(place: Frame, shapes: Shapes) -> str:
    """The picture as the text of a file."""
    return f"{_head(place)}{''.join(map(_element, shapes))}</svg>\n"


@lru_cache(maxsize=512)
def _head(place: Frame) -> str:
    width, height = place.width, place.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{height:g}pt" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{_FONT}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(map(_element, place.shapes))}'
    )


def escaped(text: str) -> str:
    """Text for XML: markup escaped, and what XML forbids replaced."""
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})


def _element(shape: Line | Markers | Box | Words | Letters) -> str:
    match shape:
        case Line():
            dashes = " ".join(f"{length:g}" for length in shape.dashes)
            pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
            return (
                f'<polyline points="{_points(shape.points)}" fill="none" stroke="{shape.colour}" '
                f'stroke-width="{shape.width:g}"{pattern}/>'
            )
        case Markers():
            return "".join(_marker(shape, x, y) for x, y in shape.points.tolist())
        case Box():
            size = f'width="{shape.width:.2f}" height="{shape.height:.2f}"'
            return f'<rect x="{shape.x:.2f}" y="{shape.y:.2f}" {size} fill="{shape.colour}"/>'
        case Words():
            anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
            weight = ' font-weight="bold"' if shape.bold else ""
            return (
                f'<text x="{shape.x:.2f}" y="{shape.y:.2f}" font-size="{shape.size:g}" '
                f'fill="{shape.colour}"{anchor}{weight}>{escaped(shape.text)}</text>'
            )
        case Letters():
            xs = " ".join(f"{x - 0.3 * shape.size:.2f}" for x in shape.xs)
            return (
                f'<text x="{xs}" y="{shape.y:.2f}" font-size="{shape.size:g}" '
                f'font-family="{_TYPEWRITER}">{escaped(shape.text)}</text>'
            )


def _points(points: Points) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points.tolist())


def _marker(shape: Markers, x: float, y: float) -> str:
    if shape.shape == "circle":
        return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{shape.size / 2:g}" fill="{shape.colour}"/>'
    corners = " ".join(
        f"{x + shape.size * dx:.2f},{y + shape.size * dy:.2f}" for dx, dy in CORNERS[shape.shape]
    )
    return f'<polygon points="{corners}" fill="{shape.colour}"/>'
