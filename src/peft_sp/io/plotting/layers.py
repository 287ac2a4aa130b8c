"""How content becomes shapes: a frame of fixed shapes and scales, and layers that it holds.

All of it is plain data. `summary/static/picture.js` fills frames in the browser: a layer's
`shapes` here and its function there are the same few lines, and a test compares what they give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from peft_sp.io.plotting.shapes import (
    Anchor,
    Box,
    Letters,
    Line,
    Markers,
    Outline,
    Points,
    Shapes,
    Words,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What one picture shows.

    texts: by name, "" where there is nothing to say; window: its L residues; regions: (number of
    the curve, first and last residue, 1-based); site: last residue before the cut, 0 for none;
    curves (C, L) and cleavage (L,): probabilities, both empty without marginals.
    """

    texts: Mapping[str, str]
    window: str
    regions: tuple[tuple[int, int, int], ...] = ()
    site: int = 0
    curves: Sequence[Sequence[float]] = ()
    cleavage: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """Where numbers stand on the page: start + step * number, in points."""

    start: float
    step: float

    def __call__(self, number: float) -> float:
        """The point of a number."""
        return self.start + self.step * number


@dataclass(frozen=True, eq=False)
class Frame:
    """What all pictures of one size share.

    width, height: of the page, in points; x: the scale of residues, counted from 1; y: that of
    probabilities; shapes: the same in each picture; layers: how content is drawn, in this order.
    """

    width: float
    height: float
    x: Scale
    y: Scale
    shapes: Shapes
    layers: tuple[Layer, ...]

    def fill(self, content: Content) -> Shapes:
        """The shapes of a picture that are its own, to be drawn after the frame's."""
        return tuple(shape for layer in self.layers for shape in layer.fill(self, content))


@dataclass(frozen=True, slots=True)
class Text:
    """One of the content's texts; of one that takes more room than `room` letters the beginning.

    Letters from Korean upwards, and a few Latin ones, take the room of one and a half.
    """

    name: str
    x: float
    y: float
    size: float
    anchor: Anchor = "start"
    colour: str = "ink"
    bold: bool = False
    room: float = 1e6

    def fill(self, _: Frame, content: Content) -> Iterator[Words]:
        """The text, unless it is empty."""
        if text := content.texts[self.name]:
            fitting = self._fitting(text)
            yield Words(self.x, self.y, fitting, self.size, self.anchor, self.colour, self.bold)

    def _fitting(self, text: str) -> str:
        total = 0.0
        for number, letter in enumerate(text):
            total += 1.5 if letter in "MW@%mw" or letter >= "\u1100" else 1.0
            if total > self.room:
                return text[: max(number - 1, 0)] + "\u2026"
        return text


@dataclass(frozen=True, slots=True)
class RegionLook:
    """How the strip shows the regions of one curve."""

    name: str
    colour: str
    tint: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A box for each region, and its name below where it has room.

    y, height: of the boxes; gap: between two; baseline: of the names, whose font has `size` and
    letters `letter` wide; overhang: how much wider than its box a name may be.
    """

    y: float
    height: float
    gap: float
    baseline: float
    size: float
    letter: float
    overhang: float
    looks: tuple[RegionLook, ...]

    def fill(self, frame: Frame, content: Content) -> Iterator[Box | Words]:
        """Boxes and names of the content's regions."""
        for number, first, last in content.regions:
            left, right = frame.x(first - 0.5), frame.x(last + 0.5)
            look = self.looks[number]
            yield Box(left + self.gap / 2, self.y, right - left - self.gap, self.height, look.tint)
            if len(look.name) * self.letter <= right - left + self.overhang:
                middle = (left + right) / 2
                name, colour = look.name, look.colour
                yield Words(middle, self.baseline, name, self.size, "middle", colour, True)


@dataclass(frozen=True, slots=True)
class Residues:
    """The letters of the window."""

    y: float
    size: float

    def fill(self, frame: Frame, content: Content) -> Iterator[Letters]:
        """All of them."""
        xs = tuple(frame.x(position) for position in range(1, len(content.window) + 1))
        yield Letters(xs, self.y, content.window, self.size)


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve, by its number in the content, where it or a neighbour reaches `least`.

    Markers of this size, or the dot of a curve of one residue, stand where it reaches `marked`.
    """

    number: int
    colour: str
    width: float
    dashes: tuple[float, ...]
    marker: Outline | None
    size: float
    least: float
    marked: float

    def fill(self, frame: Frame, content: Content) -> Iterator[Line | Markers]:
        """Its stretches, then its markers."""
        values = content.curves[self.number]
        points = [(frame.x(n), frame.y(value)) for n, value in enumerate(values, 1)]
        run: list[tuple[float, float]] = []
        ends = (0.0, *values, 0.0)
        for number, point in enumerate(points):
            if max(ends[number : number + 3]) >= self.least:
                run.append(point)
                continue
            if len(run) > 1:
                yield Line(tuple(run), self.colour, self.width, self.dashes)
            run = []
        if len(run) > 1:
            yield Line(tuple(run), self.colour, self.width, self.dashes)
        marker = self.marker or ("circle" if len(points) == 1 else None)
        if marker:
            marked = zip(points, values, strict=True)
            at = tuple(point for point, value in marked if value >= self.marked)
            if at:
                yield Markers(at, self.colour, marker, self.size)


@dataclass(frozen=True, slots=True)
class Stems:
    """The probability of a cut behind each residue, where it reaches `least`."""

    colour: str
    width: float
    head: float
    least: float

    def fill(self, frame: Frame, content: Content) -> Iterator[Line | Markers]:
        """Stems, then their heads."""
        heads: Points = tuple(
            (frame.x(position + 0.5), frame.y(value))
            for position, value in enumerate(content.cleavage, 1)
            if value >= self.least
        )
        for x, y in heads:
            yield Line(((x, frame.y(0)), (x, y)), self.colour, self.width)
        if heads:
            yield Markers(heads, self.colour, "circle", self.head)


@dataclass(frozen=True, slots=True)
class Cut:
    """A line across the strip, from `top` to `bottom`, behind the signal peptide's last residue."""

    top: float
    bottom: float
    colour: str
    width: float
    dashes: tuple[float, ...]

    def fill(self, frame: Frame, content: Content) -> Iterator[Line]:
        """The line, where there is a cut."""
        if content.site:
            x = frame.x(content.site + 0.5)
            yield Line(((x, self.top), (x, self.bottom)), self.colour, self.width, self.dashes)


Layer = Text | Strip | Residues | Curve | Stems | Cut
