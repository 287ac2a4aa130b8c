"""What pictures are made of: lines, markers, boxes and words on a page.

Coordinates are points (1/72 inch) from the top left corner; a colour is a name of the palette's.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

Points = tuple[tuple[float, float], ...]
Outline = Literal["circle", "square", "triangle", "diamond"]
Anchor = Literal["start", "middle", "end"]
CORNERS: dict[Outline, Points] = {
    "square": ((-0.45, -0.45), (0.45, -0.45), (0.45, 0.45), (-0.45, 0.45)),
    "triangle": ((0.0, -0.6), (0.6, 0.5), (-0.6, 0.5)),
    "diamond": ((0.0, -0.6), (0.6, 0.0), (0.0, 0.6), (-0.6, 0.0)),
}
"""Outlines with corners, of width 1, y pointing down."""


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined by a line; width and dashes (on, off, ...) in points."""

    points: Points
    colour: str
    width: float = 1.0
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Markers:
    """A filled outline at each of the points; size is its width."""

    points: Points
    colour: str
    outline: Outline
    size: float


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; x and y of its top left corner."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text; y of its baseline, size of its font."""

    x: float
    y: float
    text: str
    size: float = 8.0
    anchor: Anchor = "start"
    colour: str = "ink"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Letters:
    """Single letters of a typewriter font, each centred on its x."""

    xs: tuple[float, ...]
    y: float
    text: str
    size: float


Shape = Line | Markers | Box | Words | Letters
Shapes = tuple[Shape, ...]


def plain(value: Any) -> Any:
    """A shape, or anything made of dataclasses, tuples, numbers and strings, as data for JSON.

    A dataclass becomes a mapping of its fields with its name as "kind"; numbers are rounded to
    a millionth.
    """
    if is_dataclass(value):
        own = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {"kind": type(value).__name__.lower(), **own}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value
