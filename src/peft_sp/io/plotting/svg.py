"""Pictures as SVG, without any drawing library."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.sax.saxutils import escape

from peft_sp.biology.prediction import Prediction
from peft_sp.io.plotting.layers import Frame
from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.protein import scene
from peft_sp.io.plotting.shapes import CORNERS, Box, Letters, Line, Markers, Shape, Shapes, Words

FONT = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif"
TYPEWRITER = "DejaVu Sans Mono,Menlo,Consolas,monospace"
HALF_LETTER = 0.301
"""Half the width of the typewriter font's letters, as a fraction of its size."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def picture(prediction: Prediction) -> str:
    """The picture of a prediction; without marginals its title, residues and regions."""
    frame, content = scene(prediction)
    return render(frame, frame.fill(content))


def render(frame: Frame, shapes: Shapes) -> str:
    """Shapes on their frame as the text of a file."""
    return f"{_head(frame)}{''.join(map(_element, shapes))}</svg>\n"


@lru_cache(maxsize=512)
def _head(frame: Frame) -> str:
    width, height = frame.width, frame.height
    shapes = "".join(map(_element, frame.shapes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{height:g}pt" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{FONT}">'
        f'<rect width="100%" height="100%" fill="{LIGHT["ground"]}"/>{shapes}'
    )


def escaped(text: str) -> str:
    """Text for XML: markup escaped, and characters that XML forbids replaced."""
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})


def _element(shape: Shape) -> str:
    match shape:
        case Line():
            dashes = " ".join(f"{length:g}" for length in shape.dashes)
            pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in shape.points)
            return (
                f'<polyline points="{points}" fill="none" stroke="{LIGHT[shape.colour]}" '
                f'stroke-width="{shape.width:g}"{pattern}/>'
            )
        case Markers():
            return "".join(_marker(shape, x, y) for x, y in shape.points)
        case Box():
            size = f'width="{shape.width:.2f}" height="{shape.height:.2f}"'
            fill = LIGHT[shape.colour]
            return f'<rect x="{shape.x:.2f}" y="{shape.y:.2f}" {size} fill="{fill}"/>'
        case Words():
            anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
            weight = ' font-weight="bold"' if shape.bold else ""
            return (
                f'<text x="{shape.x:.2f}" y="{shape.y:.2f}" font-size="{shape.size:g}" '
                f'fill="{LIGHT[shape.colour]}"{anchor}{weight}>{escaped(shape.text)}</text>'
            )
        case Letters():
            xs = " ".join(f"{x - HALF_LETTER * shape.size:.2f}" for x in shape.xs)
            return (
                f'<text x="{xs}" y="{shape.y:.2f}" font-size="{shape.size:g}" '
                f'fill="{LIGHT["ink"]}" font-family="{TYPEWRITER}">{escaped(shape.text)}</text>'
            )


def _marker(shape: Markers, x: float, y: float) -> str:
    fill, size = LIGHT[shape.colour], shape.size
    if shape.outline == "circle":
        return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{size / 2:g}" fill="{fill}"/>'
    corners = " ".join(
        f"{x + size * dx:.2f},{y + size * dy:.2f}" for dx, dy in CORNERS[shape.outline]
    )
    return f'<polygon points="{corners}" fill="{fill}"/>'
