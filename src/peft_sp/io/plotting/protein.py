"""The picture of one prediction as lines, boxes and words on a page, for any format.

Coordinates are points (1/72 inch) from the top left corner. Every curve has a colour of Okabe
and Ito, which the colour-blind tell apart, and a pattern of dashes or a marker of its own, so
that the picture can be read in grey.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import NO_SP
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Marginals, Prediction
from peft_sp.io.plotting.curves import CURVES, curves

Points = NDArray[np.float64]
Shape = Literal["circle", "square", "triangle", "diamond"]
CORNERS: dict[Shape, tuple[tuple[float, float], ...]] = {
    "square": ((-0.45, -0.45), (0.45, -0.45), (0.45, 0.45), (-0.45, 0.45)),
    "triangle": ((0.0, -0.6), (0.6, 0.5), (-0.6, 0.5)),
    "diamond": ((0.0, -0.6), (0.6, 0.0), (0.0, 0.6), (-0.6, 0.0)),
}
"""Shapes with corners, of width 1, y pointing down."""
INK, FAINT, PALE = "#1a1a1a", "#595959", "#d9d9d9"


@dataclass(frozen=True, slots=True)
class Line:
    """Points (N, 2) joined by a line; width and dashes (on, off, ...) in points."""

    points: Points
    colour: str
    width: float = 1.0
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Markers:
    """A filled shape at each of the points (N, 2); size is its width."""

    points: Points
    colour: str
    shape: Shape
    size: float = 4.5


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
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = INK
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Letters:
    """Single letters of a typewriter font, each centred on its x."""

    xs: tuple[float, ...]
    y: float
    text: str
    size: float


Shapes = tuple[Line | Markers | Box | Words | Letters, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How a curve is drawn and what the legend and the strip of regions call it."""

    legend: str
    short: str
    colour: str
    tint: str
    width: float
    dashes: tuple[float, ...] = ()
    marker: Shape | None = None


LOOKS = dict(
    zip(
        CURVES,
        (
            Look("n-region", "n", "#0072B2", "#b9d9ec", 1.7, (6.0, 2.0)),
            Look("h-region", "h", "#D55E00", "#f6cfb0", 2.3),
            Look("c-region", "c", "#009E73", "#b5e3d5", 1.9, (2.5, 1.4)),
            Look("twin-arginine", "RR", "#A64D79", "#ecd0df", 1.2, (), "square"),
            Look("lipobox", "lipobox", "#8A5F00", "#f5ddb0", 1.2, (), "triangle"),
            Look("pilin motif", "pilin", "#3A7CA5", "#cfe6f5", 1.2, (), "diamond"),
            Look("other", "", "#6e6e6e", "", 1.2, (1.0, 2.0)),
        ),
        strict=True,
    )
)
_ALWAYS = {"n-region", "h-region", "c-region", "other"}
# Between two of the 255 steps in which a summary page keeps probabilities, so that what is worth
# drawing in a file is also worth it there.
_WORTH_A_CURVE = 12.5 / 255
_WORTH_A_STEM = 2.5 / 255
_WORTH_INK = 1.5 / 255
"""Below it a curve lies on the axis, and on the others."""
_LEFT, _RIGHT, _TOP, _HEIGHT = 34.0, 12.0, 59.0, 165.0
_NARROWEST, _WIDEST, _PITCH = 350.0, 630.0, 14.0
_LETTER, _BOLD_LETTER = 0.60, 0.70
"""Mean width of a letter, as a share of the font's size, on the safe side."""
_ROW = 13.0


@dataclass(frozen=True, eq=False)
class Frame:
    """What all pictures of windows of one length share: axes, grid and legend.

    width, height: of the page; left, top: of the plot; pitch: points a residue.
    """

    width: float
    height: float
    top: float
    pitch: float
    shapes: Shapes

    def x(self, place: NDArray[Any] | float) -> Points:
        """Where residues stand, counted from 1."""
        return np.asarray(_LEFT + (np.asarray(place) - 0.5) * self.pitch)

    def y(self, probability: NDArray[Any] | float) -> Points:
        """Where a probability stands."""
        return np.asarray(self.top + _HEIGHT * (1 - np.asarray(probability)))


def scene(prediction: Prediction, marginals: Marginals) -> tuple[Frame, Shapes]:
    """The frame of a prediction's picture and what stands in it, to be drawn in this order."""
    likely = curves(marginals.regions)
    peaks = likely.max(axis=0)
    shown = tuple(
        name
        for name, peak in zip(CURVES, peaks, strict=True)
        if name in _ALWAYS or peak >= _WORTH_A_CURVE
    )
    place = frame(len(likely), shown)
    return place, (
        *_title(prediction, place),
        *_residues(prediction, place),
        *_curves(likely, shown, place),
        *_cuts(prediction, place, marginals.cleavage),
    )


@lru_cache(maxsize=512)
def frame(length: int, shown: tuple[str, ...]) -> Frame:
    """The frame for windows of `length` residues with these curves."""
    width = float(np.clip(length * _PITCH, _NARROWEST, _WIDEST))
    pitch = width / length
    legend, rows = _legend(shown, _LEFT + width + _RIGHT)
    top = _TOP + rows * _ROW + 6
    bottom, right = top + _HEIGHT, _LEFT + width
    shapes: list[Line | Markers | Box | Words | Letters] = [*legend]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = top + _HEIGHT * (1 - share)
        shapes.append(Line(np.array([[_LEFT, y], [right, y]]), PALE, 0.7))
        if share in (0.0, 0.5, 1.0):
            shapes.append(Words(_LEFT - 5, y + 2.8, f"{share:g}", 8, "end", FAINT))
    edges = [[_LEFT, top], [_LEFT, bottom], [right, bottom]]
    shapes.append(Line(np.array(edges), FAINT, 0.8))
    shapes.append(Words(8, top - 6, "probability", 8, "start", FAINT))
    for place in (1, *range(10, length + 1, 10)):
        x = _LEFT + (place - 0.5) * pitch
        shapes.append(Line(np.array([[x, bottom], [x, bottom + 3]]), FAINT, 0.8))
        shapes.append(Words(x, bottom + 11, str(place), 8, "middle", FAINT))
    return Frame(_LEFT + width + _RIGHT, bottom + 44, top, pitch, tuple(shapes))


def _legend(shown: tuple[str, ...], width: float) -> tuple[Shapes, int]:
    """Swatches with names, in as many rows as they need."""
    shapes: list[Line | Markers | Box | Words | Letters] = []
    x, y, rows = _LEFT, _TOP, 1
    for name in (*shown, "cut"):
        text = "cleavage" if name == "cut" else LOOKS[name].legend
        room = 30 + len(text) * 8 * _LETTER
        if x + room > width:
            x, y, rows = _LEFT, y + _ROW, rows + 1
        ends = np.array([[x, y], [x + 22, y]])
        if name == "cut":
            shapes.append(Line(np.array([[x + 11, y + 4], [x + 11, y - 3]]), INK, 1.4))
            shapes.append(Markers(np.array([[x + 11, y - 3]]), INK, "circle"))
        else:
            look = LOOKS[name]
            shapes.append(Line(ends, look.colour, look.width, look.dashes))
            if look.marker:
                shapes.append(Markers(ends.mean(axis=0)[None], look.colour, look.marker))
        shapes.append(Words(x + (18 if name == "cut" else 26), y + 2.8, text, 8))
        x += room
    return tuple(shapes), rows


def _title(prediction: Prediction, place: Frame) -> Iterator[Words]:
    room = place.width - _LEFT - _RIGHT
    yield Words(_LEFT, 16, _fitting(prediction.protein.header, room / 11 / _BOLD_LETTER), 11)
    mechanism = MECHANISM_OF_TYPE[prediction.type]
    what = f"{prediction.type}, {mechanism}" if mechanism else "no signal peptide"
    line = f"{what}: {prediction.probability:.3f}"
    site = prediction.cleavage_site
    if site is not None:
        window = prediction.protein.window
        around = f"{window[max(site - 3, 0) : site]}|{window[site : site + 2]}"
        line += f"    cleavage after {site}, {around}: {prediction.cleavage_probability or 0.0:.3f}"
    yield Words(_LEFT, 31, line, 9.5, bold=True)
    others = "   ".join(
        f"{'no SP' if name == NO_SP else name} {share:.3f}"
        for name, share in prediction.probabilities.items()
        if share > 0
    )
    yield Words(_LEFT, 44, others, 7.5, colour=FAINT)
    length = len(prediction.protein.sequence)
    read = len(prediction.protein.window)
    if length > read:
        bottom = place.height - 4
        text = f"residues 1 to {read} of {length:,}"
        yield Words(place.width - _RIGHT, bottom, text, 7.5, "end", FAINT)


def _fitting(text: str, room: float) -> str:
    """The text, or as much of it as `room` letters hold; wide letters count for more."""
    total = 0.0
    for at, letter in enumerate(text):
        wide = letter in "MW@%mw" or unicodedata.east_asian_width(letter) in "WF"
        total += 1.5 if wide else 1.0
        if total > room:
            return text[: max(at - 1, 0)] + "…"
    return text


def strip(prediction: Prediction) -> list[tuple[str, int, int]]:
    """The predicted regions as curves' names with first and last residue, 1-based."""
    regions = [region for region in prediction.regions if region.name != "lipid-modified cysteine"]
    # A lipobox is drawn with its cysteine; an n-region before and behind its motif.
    spans = [prediction.span(r.name) or r if r.name == "lipobox" else r for r in regions]
    return [(region.name, region.start, region.end) for region in spans]


def _residues(prediction: Prediction, place: Frame) -> Iterator[Box | Words | Letters]:
    """The letters, on a strip that shows the predicted regions."""
    y = place.top + _HEIGHT + 15
    for name, start, end in strip(prediction):
        left, right = float(place.x(start - 0.5)), float(place.x(end + 0.5))
        look = LOOKS[name]
        yield Box(left + 0.4, y, right - left - 0.8, 13, look.tint)
        if len(look.short) * 8 * _LETTER <= right - left + 14:
            middle = (left + right) / 2
            yield Words(middle, y + 21.5, look.short, 8, "middle", look.colour, bold=True)
    window = prediction.protein.window
    xs = place.x(np.arange(1, len(window) + 1))
    yield Letters(tuple(xs.tolist()), y + 10, window, min(place.pitch, 10.0))


def _curves(
    likely: NDArray[np.float32], shown: tuple[str, ...], place: Frame
) -> Iterator[Line | Markers]:
    xs = place.x(np.arange(1, len(likely) + 1))
    # What matters most is drawn last.
    for name in reversed(shown):
        look, values = LOOKS[name], likely[:, CURVES.index(name)]
        points = np.stack([xs, place.y(values)], axis=1)
        for start, stop in _runs(values):
            yield Line(points[start:stop], look.colour, look.width, look.dashes)
        if look.marker:
            yield Markers(points[values >= _WORTH_A_CURVE], look.colour, look.marker)
        elif len(points) == 1 and values[0] >= _WORTH_INK:
            yield Markers(points, look.colour, "circle", 3.0)


def _runs(values: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Stretches of two residues or more where a curve leaves the axis, from foot to foot."""
    inked = np.pad(values >= _WORTH_INK, 1)
    inked[1:-1] |= inked[:-2] | inked[2:]
    inked[[0, -1]] = False
    starts, stops = (np.flatnonzero(np.diff(inked.astype(np.int8)) == step) for step in (1, -1))
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if stop - start > 1:
            yield start, stop


def _cuts(
    prediction: Prediction, place: Frame, cleavage: NDArray[np.float32]
) -> Iterator[Line | Markers]:
    """Stems between residues; the predicted cut goes down through the letters."""
    places = np.flatnonzero(cleavage >= _WORTH_A_STEM)
    xs, ys = place.x(places + 1.5), place.y(cleavage[places])
    for x, y in zip(xs, ys, strict=True):
        yield Line(np.array([[x, place.top + _HEIGHT], [x, y]]), INK, 1.4)
    if len(xs):
        yield Markers(np.stack([xs, ys], axis=1), INK, "circle")
    if prediction.cleavage_site is not None:
        x = float(place.x(prediction.cleavage_site + 0.5))
        low = place.top + _HEIGHT
        yield Line(np.array([[x, low], [x, low + 31]]), INK, 1.2, (2.0, 1.5))
