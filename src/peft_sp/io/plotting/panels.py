"""Small charts of lines side by side, such as learning curves, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from peft_sp.io.plotting.layers import Frame, Scale
from peft_sp.io.plotting.shapes import Line, Markers, Shape, Words
from peft_sp.io.plotting.svg import render

COLOURS = ("n-region", "h-region", "c-region", "twin-arginine", "lipobox", "other")
"""Entries of the palette for the lines of a panel, in turn."""
_WIDTH, _HEIGHT = 230.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 36.0, 34.0
_TICKS = 4
"""Ticks that an axis has at least room for."""
_MARKED = 12
"""Points up to which each has a marker: a line of one point could not be seen."""


@dataclass(frozen=True)
class Curve:
    """A named line through points; a y that is None or not finite is left out."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]

    @property
    def points(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        pairs = zip(self.xs, self.ys, strict=True)
        return [(x, y) for x, y in pairs if y is not None and math.isfinite(y)]


@dataclass(frozen=True)
class Panel:
    """One chart: its title, what its x axis counts, and its curves."""

    title: str
    x: str
    curves: tuple[Curve, ...]


def draw(panels: Sequence[Panel]) -> str:
    """The panels that have a point, side by side, as the text of an SVG file; "" for none."""
    shown = [panel for panel in panels if any(curve.points for curve in panel.curves)]
    if not shown:
        return ""
    unit = Scale(0.0, 1.0)
    frame = Frame(_WIDTH * len(shown), _HEIGHT, unit, unit, (), ())
    shapes = [
        shape
        for number, panel in enumerate(shown)
        for shape in _panel(panel, number * _WIDTH, shown)
    ]
    return render(frame, tuple(shapes))


def _panel(panel: Panel, left: float, shown: Sequence[Panel]) -> Iterator[Shape]:
    # All panels of a picture have the same x axis.
    every = [x for one in shown for curve in one.curves for x, _ in curve.points]
    values = [y for curve in panel.curves for _, y in curve.points]
    ticks_x, ticks_y = ticks(0.0, max(every)), ticks(min(values), max(values))
    x = _scale(ticks_x, left + _LEFT, left + _WIDTH - _RIGHT)
    y = _scale(ticks_y, _HEIGHT - _BOTTOM, _TOP)
    yield Words(left + _LEFT, 14.0, panel.title, 9.0, bold=True)
    for tick in ticks_y:
        ends = ((x(ticks_x[0]), y(tick)), (x(ticks_x[-1]), y(tick)))
        yield Line(ends, "rule", 0.6)
        yield Words(left + _LEFT - 5, y(tick) + 2.6, f"{tick:g}", 7.5, "end", "faint")
    for tick in ticks_x:
        yield Words(x(tick), _HEIGHT - _BOTTOM + 12, f"{tick:g}", 7.5, "middle", "faint")
    middle = left + (_LEFT + _WIDTH - _RIGHT) / 2
    yield Words(middle, _HEIGHT - 8, panel.x, 7.5, "middle", "faint")
    named = left + _LEFT
    for number, curve in enumerate(panel.curves):
        colour = COLOURS[number % len(COLOURS)]
        if len(panel.curves) > 1:
            yield Words(named, 27.0, curve.name, 7.0, "start", colour, True)
            named += sum(5.8 if letter.isupper() else 4.2 for letter in curve.name) + 8
        points = tuple((x(a), y(b)) for a, b in curve.points)
        if len(points) > 1:
            yield Line(points, colour, 1.4)
        if points and len(points) <= _MARKED:
            yield Markers(points, colour, "circle", 3.5)


def _scale(ticks: Sequence[float], first: float, last: float) -> Scale:
    """Where numbers stand, from the first tick to the last one."""
    step = (last - first) / (ticks[-1] - ticks[0])
    return Scale(first - step * ticks[0], step)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, that enclose a range."""
    spread = max(high - low or abs(high) or 1.0, 1e-290)  # still divisible
    power = 10.0 ** math.floor(math.log10(spread / _TICKS))
    step = next(k * power for k in (1, 2, 5, 10) if k * power * _TICKS >= spread * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # Numbers that are all the same have an axis, too.
    last = max(last, first + 1)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]
