"""The picture of one prediction: its only layout, as plain data that every format draws from.

Curves have colours that the colour-blind tell apart, and a pattern of dashes or a marker of their
own, so that the picture can be read in grey. Coordinates are points (1/72 inch).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction
from peft_sp.io.plotting.curves import CURVES, curves
from peft_sp.io.plotting.layers import (
    Content,
    Curve,
    Cut,
    Frame,
    Layer,
    RegionLook,
    Residues,
    Scale,
    Stems,
    Strip,
    Text,
)
from peft_sp.io.plotting.shapes import Line, Markers, Outline, Shape, Shapes, Words


@dataclass(frozen=True, slots=True)
class Style:
    """How a curve is drawn, and what the legend and the strip of regions call it.

    colour: a name of the palette's, which has one with "-tint" behind it for the strip.
    """

    legend: str
    short: str
    colour: str
    width: float
    dashes: tuple[float, ...] = ()
    marker: Outline | None = None


STYLES = (
    Style("n-region", "n", "n-region", 1.7, (6.0, 2.0)),
    Style("h-region", "h", "h-region", 2.3),
    Style("c-region", "c", "c-region", 1.9, (2.5, 1.4)),
    Style("twin-arginine", "RR", "twin-arginine", 1.2, (), "square"),
    Style("lipobox", "lipobox", "lipobox", 1.2, (), "triangle"),
    Style("pilin motif", "pilin", "pilin", 1.2, (), "diamond"),
    Style("other", "", "other", 1.2, (1.0, 2.0)),
)
"""Of each of `CURVES`."""
ALWAYS = ("n-region", "h-region", "c-region", "other")
# Between two of the 255 steps in which a summary page keeps probabilities, so that what is worth
# drawing in a file is also worth it there.
WORTH_A_CURVE = 12.5 / 255
"""The least probability for which a curve is drawn, and that a marker stands for."""
WORTH_A_STEM = 2.5 / 255
WORTH_INK = 1.5 / 255
"""Below it a curve lies on the axis, and on the others."""

TEXTS = {
    "none": "no signal peptide: {probability}",
    "signal": "{type}, {mechanism}: {probability}",
    "site": "\u2003cleavage after {site}, {before}|{after}: {site_probability}",
    "type": "{type} {probability}",
    "extent": "residues 1 to {read} of {length}",
}
"""A picture's words; a page fills them in as `_texts` does."""
NAMES = ("no SP", *TYPES[1:])
"""Of `TYPES`, as the line of all probabilities calls them."""
BETWEEN = "\u2003"
LEAST = 0.0005
"""Types that are less probable, and would be written as 0.000, are not named."""

_LEFT, _RIGHT, _ROW = 34.0, 12.0, 13.0
_NARROWEST, _WIDEST, _PITCH = 350.0, 630.0, 14.0
_RISE = 165.0
"""Height of the plot."""
_LETTER, _BOLD_LETTER = 0.60, 0.70
"""Mean width of a letter, as a fraction of the font's size, rounded up."""
_STEM, _MARKER = 1.4, 4.5


def scene(prediction: Prediction) -> tuple[Frame, Content]:
    """The frame of a prediction's picture, and what stands in it.

    Without marginals it shows the title, residues and regions.
    """
    window, marginals = prediction.protein.window, prediction.marginals
    if marginals is None:
        return frame(len(window), ()), _content(prediction)
    values = curves(marginals.regions)
    content = _content(prediction, values.T.tolist(), marginals.cleavage.tolist())
    return frame(len(window), drawn_curves(values)), content


def drawn_curves(values: NDArray[np.float32]) -> tuple[int, ...]:
    """Which of a window's curves (L, C) are drawn, by number."""
    worth = values.max(axis=0) >= WORTH_A_CURVE
    return tuple(n for n, name in enumerate(CURVES) if worth[n] or name in ALWAYS)


def strip(prediction: Prediction) -> tuple[tuple[int, int, int], ...]:
    """The predicted regions: number in `CURVES`, first and last residue, 1-based."""
    regions = [region for region in prediction.regions if region.name != "lipid-modified cysteine"]
    # A lipobox is drawn with its cysteine; an n-region before and behind its motif.
    spans = [prediction.span(r.name) or r if r.name == "lipobox" else r for r in regions]
    return tuple((CURVES.index(region.name), region.start, region.end) for region in spans)


def _content(
    prediction: Prediction,
    values: list[list[float]] | None = None,
    cleavage: list[float] | None = None,
) -> Content:
    return Content(
        _texts(prediction),
        prediction.protein.window,
        strip(prediction),
        prediction.cleavage_site or 0,
        values or (),
        cleavage or (),
    )


def _texts(prediction: Prediction) -> dict[str, str]:
    sequence, window = prediction.protein.sequence, prediction.protein.window
    site = prediction.cleavage_site
    values = {
        "type": prediction.type,
        "mechanism": MECHANISM_OF_TYPE[prediction.type],
        "probability": f"{prediction.probability:.3f}",
        "read": len(window),
        "length": f"{len(sequence):,}",
    }
    call = TEXTS["signal" if prediction.is_signal_peptide else "none"]
    if site is not None:
        call += TEXTS["site"]
        values["site"] = site
        values["site_probability"] = f"{prediction.cleavage_probability or 0.0:.3f}"
        values["before"], values["after"] = window[max(site - 3, 0) : site], window[site : site + 2]
    types = (
        TEXTS["type"].format(type=name, probability=f"{probability:.3f}")
        for name, probability in zip(NAMES, prediction.probabilities.values(), strict=True)
        if probability >= LEAST
    )
    return {
        "header": prediction.protein.header,
        "call": call.format_map(values),
        "types": BETWEEN.join(types),
        "extent": TEXTS["extent"].format_map(values) if len(sequence) > len(window) else "",
    }


@lru_cache(maxsize=512)
def frame(length: int, numbers: tuple[int, ...]) -> Frame:
    """The frame for windows of `length` residues with the curves of these numbers.

    Without curves it has no plot, only the axis of residues.
    """
    across = min(max(length * _PITCH, _NARROWEST), _WIDEST)
    pitch = across / length
    width = _LEFT + across + _RIGHT
    legend, low = _legend(numbers, width) if numbers else ((), 52.0)
    rise = _RISE if numbers else 0.0
    bottom = low + rise
    x, y = Scale(_LEFT - pitch / 2, pitch), Scale(bottom, -rise)
    height = bottom + 44
    shapes = [*legend, *_axes(length, x, y, across)]
    return Frame(width, height, x, y, tuple(shapes), _layers(numbers, width, bottom, pitch))


def _axes(length: int, x: Scale, y: Scale, across: float) -> Iterator[Shape]:
    """Grid and axis of probabilities, where there is one, and the axis of residues."""
    right, top, bottom = _LEFT + across, y(1), y(0)
    if y.step:
        for probability in (0.0, 0.25, 0.5, 0.75, 1.0):
            at = y(probability)
            yield Line(((_LEFT, at), (right, at)), "rule", 0.7)
            if probability in (0.0, 0.5, 1.0):
                yield Words(_LEFT - 5, at + 2.8, f"{probability:g}", 8, "end", "faint")
        yield Words(8, top - 6, "probability", 8, "start", "faint")
    yield Line(((_LEFT, top), (_LEFT, bottom), (right, bottom)), "faint", 0.8)
    for position in (1, *range(10, length + 1, 10)):
        at = x(position)
        yield Line(((at, bottom), (at, bottom + 3)), "faint", 0.8)
        yield Words(at, bottom + 11, str(position), 8, "middle", "faint")


def _legend(numbers: tuple[int, ...], width: float) -> tuple[Shapes, float]:
    """Samples with names, in as many rows as they need, and where the plot begins below them."""
    shapes: list[Shape] = []
    x, y = _LEFT, 59.0
    for style in (*(STYLES[n] for n in numbers), None):
        text = style.legend if style else "cleavage"
        room = 30 + len(text) * 8 * _LETTER
        if x + room > width:
            x, y = _LEFT, y + _ROW
        middle = (x + 11, y)
        if style is None:
            shapes.append(Line(((x + 11, y + 4), (x + 11, y - 3)), "ink", _STEM))
            shapes.append(Markers(((x + 11, y - 3),), "ink", "circle", _MARKER))
        else:
            shapes.append(Line(((x, y), (x + 22, y)), style.colour, style.width, style.dashes))
            if style.marker:
                shapes.append(Markers((middle,), style.colour, style.marker, _MARKER))
        shapes.append(Words(x + (26 if style else 18), y + 2.8, text, 8))
        x += room
    return tuple(shapes), y + _ROW + 6


def _layers(
    numbers: tuple[int, ...], width: float, bottom: float, pitch: float
) -> tuple[Layer, ...]:
    """What is drawn on the frame: titles, residues, curves and cuts, from the back to the front."""
    room = width - _LEFT - _RIGHT
    looks = tuple(RegionLook(one.short, one.colour, f"{one.colour}-tint") for one in STYLES)
    titles = (
        Text("header", _LEFT, 16, 11, room=room / 11 / _BOLD_LETTER),
        Text("call", _LEFT, 31, 9.5, bold=True),
        Text("types", _LEFT, 44, 7.5, colour="faint"),
        Text("extent", width - _RIGHT, bottom + 40, 7.5, "end", "faint"),
    )
    low = bottom + 15
    sequence = (
        Strip(low, 13, 0.8, low + 21.5, 8, 8 * _LETTER, 14, looks),
        Residues(low + 10, min(pitch, 10.0)),
    )
    cut = Cut(bottom, bottom + 31, "ink", 1.2, (2.0, 1.5))
    if not numbers:
        return *titles, *sequence, cut
    # What matters most is drawn last.
    lines = (
        Curve(n, s.colour, s.width, s.dashes, s.marker, _MARKER, WORTH_INK, WORTH_A_CURVE)
        for n, s in reversed([(n, STYLES[n]) for n in numbers])
    )
    return *titles, *sequence, *lines, Stems("ink", _STEM, _MARKER, WORTH_A_STEM), cut
