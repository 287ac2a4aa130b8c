"""Scenes as PNG, PDF and EPS, through matplotlib's renderers. Needs `peft-sp[plot]`.

Scenes go straight to a renderer: matplotlib's own axes, ticks and layout would take nearly all
of the time.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from threading import Lock
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray
from PIL import Image

from peft_sp.io.plotting.drawing_library import defaults
from peft_sp.io.plotting.layers import Frame
from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.protein import STYLES
from peft_sp.io.plotting.shapes import CORNERS, Box, Letters, Line, Markers, Shapes, Words
from peft_sp.io.plotting.svg import HALF_LETTER

_DPI = 144
_SCALE = _DPI / 72
_COMPRESSION = 3
_STEPS = 12
"""Shades of each colour in a PNG file's palette."""
_ON_WHITE = ("ink", "faint", *(style.colour for style in STYLES))
_KEPT = 8
"""Sheets that are kept, of 6 MB each; nearly all windows have 70 residues and few curves."""
_ONE_AT_A_TIME = Lock()
_SQUARE = Path.unit_rectangle()
_WITHOUT_CLOCK: dict[str, dict[str, Any]] = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "eps": {"Creator": "PEFT-SP"},
}
_DATE = re.compile(rb"^%%CreationDate:.*\n", re.MULTILINE)


def png(frame: Frame, shapes: Shapes, own_colours: bool = False) -> bytes:
    """The picture as a PNG file's bytes, in 144 dots an inch.

    own_colours: it has others than pictures of proteins have, and needs no common palette.
    """
    with _ONE_AT_A_TIME, _quiet(), defaults():
        renderer, background = _sheet(frame)
        pixels = np.asarray(renderer.buffer_rgba())
        pixels[:] = background
        painter = _Painter(renderer, _SCALE, len(pixels))
        painter.paint(tuple(shape for shape in shapes if not isinstance(shape, Letters)))
        for shape in shapes:
            if isinstance(shape, Letters):
                _ink(pixels, shape)
        image = Image.fromarray(pixels).convert("RGB")
    # A palette takes a third of the bytes, and of the time to compress them.
    palette = None if own_colours else _palette()
    image = image.quantize(palette=palette, dither=Image.Dither.NONE)
    buffer = BytesIO()
    image.save(buffer, "png", compress_level=_COMPRESSION, dpi=(_DPI, _DPI))
    return buffer.getvalue()


def vector(frame: Frame, shapes: Shapes, suffix: str) -> bytes:
    """The picture as the bytes of a "pdf" or "eps" file, the same for the same scene."""
    buffer = BytesIO()
    # Type 3 fonts: embedding the others takes many times as long.
    with _quiet(), defaults({"pdf.fonttype": 3, "ps.fonttype": 3}):
        figure = Figure(figsize=(frame.width / 72, frame.height / 72), facecolor="white")
        figure.add_artist(_Scene((*frame.shapes, *shapes), frame.height))
        figure.savefig(buffer, format=suffix, metadata=_WITHOUT_CLOCK[suffix])
    return _DATE.sub(b"", buffer.getvalue())


def _new_renderer(width: int, height: int) -> Any:
    made: Any = RendererAgg
    return made(width, height, _DPI)


@lru_cache(maxsize=_KEPT)
def _sheet(frame: Frame) -> tuple[Any, NDArray[np.uint8]]:
    """A renderer of the page's size and what all pictures with this frame start from."""
    renderer = _new_renderer(round(frame.width * _SCALE), round(frame.height * _SCALE))
    pixels = np.asarray(renderer.buffer_rgba())
    pixels[:] = 255
    _Painter(renderer, _SCALE, len(pixels)).paint(frame.shapes)
    return renderer, pixels.copy()


def _ink(pixels: NDArray[np.uint8], shape: Letters) -> None:
    """Print letters (H, W, 4) that were drawn once: there are many, and only some twenty."""
    for x, letter in zip(shape.xs, shape.text, strict=True):
        lightness = _letter(letter, shape.size)
        height, width = lightness.shape[:2]
        top = round(shape.y * _SCALE) - height * 3 // 4
        left = round(x * _SCALE) - width // 2
        under = pixels[top : top + height, left : left + width]
        under[:] = under * lightness // 255


@lru_cache(maxsize=512)
def _letter(letter: str, size: float) -> NDArray[np.uint16]:
    """A letter on white (H, W, 1), in the middle, its baseline at three quarters."""
    side = round(size * _SCALE * 1.5) // 4 * 4
    renderer = _new_renderer(side, side)
    pixels = np.asarray(renderer.buffer_rgba())
    pixels[:] = 255
    alone = Letters((side / 2 / _SCALE,), side * 0.75 / _SCALE, letter, size)
    _Painter(renderer, _SCALE, side).paint((alone,))
    return pixels[..., :1].astype(np.uint16)


@lru_cache(maxsize=1)
def _palette() -> Image.Image:
    """Each colour in steps to white, and ink in steps to each colour of the strip."""
    pairs = [(LIGHT[name], "white") for name in _ON_WHITE]
    pairs += [("black", LIGHT[name]) for name in LIGHT if name.endswith("-tint")]
    pairs.append((LIGHT["rule"], LIGHT["rule"]))
    ends = np.array([[to_rgba(colour)[:3] for colour in pair] for pair in pairs])
    steps = np.linspace(0, 1, _STEPS)[:, None]
    colours = np.concatenate([start * (1 - steps) + end * steps for start, end in ends])
    # Pillow looks for the nearest colour coarsely: nothing may be mistaken for white but white.
    colours = np.concatenate([colours[colours.min(axis=1) < 0.95], [[1.0, 1.0, 1.0]]])
    palette = Image.new("P", (1, 1))
    palette.putpalette((colours * 255).round().astype(np.uint8).tobytes())
    return palette


class _Scene(Artist):
    """A scene as a figure's only artist."""

    def __init__(self, shapes: Shapes, height: float) -> None:
        super().__init__()
        self._shapes, self._page = shapes, height

    def draw(self, renderer: Any) -> None:
        """Paint it; called by the figure."""
        scale = renderer.points_to_pixels(1.0)
        _Painter(renderer, scale, self._page * scale).paint(self._shapes)


class _Painter:
    """Paints shapes, whose y points down, with a renderer, whose y points up."""

    def __init__(self, renderer: Any, scale: float, height: float) -> None:
        self._to = renderer
        self._scale, self._height = scale, height
        self._turn = Affine2D().scale(scale, -scale).translate(0, height)

    def paint(self, shapes: Shapes) -> None:
        for shape in shapes:
            context = self._to.new_gc()
            match shape:
                case Line():
                    self._line(context, shape)
                case Markers():
                    self._markers(context, shape)
                case Box():
                    corner = Affine2D().scale(shape.width, shape.height)
                    turn = corner.translate(shape.x, shape.y) + self._turn
                    context.set_linewidth(0)
                    self._to.draw_path(context, _SQUARE, turn, to_rgba(LIGHT[shape.colour]))
                case Words():
                    font = _font(shape.size, shape.bold)
                    shift = 0.0
                    if shape.anchor != "start":
                        width = self._to.get_text_width_height_descent(shape.text, font, False)[0]
                        shift = width * (0.5 if shape.anchor == "middle" else 1.0)
                    context.set_foreground(LIGHT[shape.colour])
                    self._text(context, shape.x * self._scale - shift, shape.y, shape.text, font)
                case Letters():
                    font = _font(shape.size, typewriter=True)
                    half = HALF_LETTER * shape.size
                    for x, letter in zip(shape.xs, shape.text, strict=True):
                        self._text(context, (x - half) * self._scale, shape.y, letter, font)
            context.restore()

    def _line(self, context: Any, shape: Line) -> None:
        context.set_foreground(LIGHT[shape.colour])
        context.set_linewidth(shape.width)
        context.set_joinstyle("round")
        if shape.dashes:
            context.set_capstyle("butt")
            context.set_dashes(0, shape.dashes)
        self._to.draw_path(context, Path(shape.points), self._turn)

    def _markers(self, context: Any, shape: Markers) -> None:
        if shape.outline == "circle":
            outline, size = Path.unit_circle(), shape.size / 2
        else:
            corners = CORNERS[shape.outline]
            outline, size = Path([*corners, corners[0]], closed=True), shape.size
        context.set_linewidth(0)
        own = Affine2D().scale(size * self._scale, -size * self._scale)
        fill = to_rgba(LIGHT[shape.colour])
        self._to.draw_markers(context, outline, own, Path(shape.points), self._turn, fill)

    def _text(self, context: Any, x: float, y: float, text: str, font: FontProperties) -> None:
        # Some renderers count text from the top, though not lines.
        down = y * self._scale
        up = down if self._to.flipy() else self._height - down
        # Never as formulas: a name may hold dollar signs.
        self._to.draw_text(context, x, up, text, font, 0.0, ismath=False)


@lru_cache(maxsize=64)
def _font(size: float, bold: bool = False, typewriter: bool = False) -> FontProperties:
    family = "DejaVu Sans Mono" if typewriter else "DejaVu Sans"
    return FontProperties(family=family, size=size, weight="bold" if bold else "normal")


@contextmanager
def _quiet() -> Iterator[None]:
    """No word of letters that the font has not: they become boxes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
