"""The picture of a scan: what each substitution does to the signal peptide and to its cut.

Two maps, residues across and what they are changed into down. Without a drawing library it is
SVG; PNG, PDF and EPS need `peft-sp[plot]`. The web page draws the same by `rules`
(`service/static/heatmap.js`), and a test compares what the two give.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peft_sp.biology.substitutions import Scan, Substitution
from peft_sp.errors import OutputError
from peft_sp.io.plotting import plotter
from peft_sp.io.plotting.layers import Frame, Scale
from peft_sp.io.plotting.shapes import Box, Letters, Line, Shape, Words, plain

KINDS = ("png", "svg", "pdf", "eps")
ROWS = "KRHDENQSTYGPCAVILMFW"
"""Amino acids from the charged ones to the hydrophobic ones, so that like ones are neighbours."""
SHORT = {"NO_SP": "\u2013", "SP": "S", "LIPO": "L", "TAT": "T", "TATLIPO": "TL", "PILIN": "P"}
"""What stands in a cell whose type is another than that of the protein."""
_STEPS = (0.05, 0.2, 0.4, 0.7)
"""Changes of a probability from which on a cell has the next darker colour."""
_TITLES = (
    "change of the probability of a signal peptide; letter: another type",
    "change of the probability of type and cut; number: residues that the cut moves",
)
_TEXTS = {
    "call": "{type}, P(signal peptide) {probability}",
    "site": ", cleavage after {site}",
}
_CELL, _LEFT, _RIGHT, _LEAST = 9.0, 30.0, 12.0, 330.0
_HIGH = _CELL * len(ROWS)
_TOPS = (50.0, 50.0 + _HIGH + 52.0)
_LEGEND = _TOPS[1] + _HIGH + 30.0
_HEIGHT = _LEGEND + 24.0
_LETTER = 7.0
"""Width that a letter of the header needs at most."""


def draw(scan: Scan, path: Path) -> None:
    """Draw a scan into a file of the format that its suffix names.

    Raises MissingExtraError and ValueError as `plotter.require`, OutputError.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in KINDS:
        raise ValueError(f"a heat map is one of {', '.join(KINDS)}, not '{kind}'")
    plotter.require(kind)
    try:
        path.write_bytes(_content(scan, kind))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def picture(scan: Scan) -> str:
    """The picture as the text of an SVG file."""
    from peft_sp.io.plotting import svg

    return svg.render(_frame(scan), tuple(_shapes(scan)))


def _content(scan: Scan, kind: str) -> bytes:
    if kind == "svg":
        return picture(scan).encode()
    from peft_sp.io.plotting import matplotlib_backend

    frame, shapes = _frame(scan), tuple(_shapes(scan))
    if kind == "png":
        return matplotlib_backend.png(frame, shapes, own_colours=True)
    return matplotlib_backend.vector(frame, shapes, kind)


def rules() -> dict[str, Any]:
    """All that a picture needs beside its scan, as plain data."""
    return {
        "rows": ROWS,
        "short": SHORT,
        "steps": _STEPS,
        "texts": _TEXTS,
        "cell": _CELL,
        "left": _LEFT,
        "right": _RIGHT,
        "least": _LEAST,
        "tops": _TOPS,
        "height": _HEIGHT,
        "letter": _LETTER,
        "fixed": plain(_fixed()),
    }


def _fixed() -> tuple[Shape, ...]:
    """What stands in every picture."""
    titles = (
        Words(_LEFT, top - 5, text, 8, colour="faint")
        for top, text in zip(_TOPS, _TITLES, strict=True)
    )
    return (*titles, *_legend(_LEGEND))


def _frame(scan: Scan) -> Frame:
    length = len(scan.wild_type.protein.window)
    width = _LEFT + max(_CELL * length, _LEAST) + _RIGHT
    return Frame(*(width, _HEIGHT, Scale(_LEFT - _CELL / 2, _CELL), Scale(0, 1)), *(_fixed(), ()))


def _shapes(scan: Scan) -> Iterator[Shape]:
    yield from _heading(scan)
    for top, look in zip(_TOPS, (_of_probability, _of_site), strict=True):
        yield from _axes(scan, top)
        for one in scan.substitutions:
            yield from _cell(one, top, *look(scan, one))
        yield from _outline(scan, top)


def _heading(scan: Scan) -> Iterator[Shape]:
    protein, header = scan.wild_type, scan.wild_type.protein.header
    site = _TEXTS["site"].format(site=protein.cleavage_site) if protein.cleavage_site else ""
    room = int((_CELL * len(protein.protein.window) + _LEFT) / _LETTER)
    yield Words(_LEFT, 16, header if len(header) <= room else f"{header[: room - 1]}\u2026", 11)
    probability = f"{protein.signal_peptide_probability:.3f}"
    called = _TEXTS["call"].format(type=protein.type, probability=probability)
    yield Words(_LEFT, 31, called + site, 9.5, bold=True)


def _axes(scan: Scan, top: float) -> Iterator[Shape]:
    """Names of rows, the window and its positions below, and the residues that are there."""
    window, bottom = scan.wild_type.protein.window, top + _HIGH
    for row, letter in enumerate(ROWS):
        yield Letters((_LEFT - 8,), top + _CELL * row + 7, letter, 7)
    centres = tuple(_LEFT + _CELL * (n + 0.5) for n in range(len(window)))
    yield Letters(centres, bottom + 9, window, 8)
    for position in (1, *range(10, len(window) + 1, 10)):
        at = centres[position - 1]
        yield Words(at, bottom + 18, str(position), 7, "middle", "faint")
    for number, residue in enumerate(window):
        if residue in ROWS:
            y = top + _CELL * ROWS.index(residue)
            yield Box(_LEFT + _CELL * number, y, _CELL, _CELL, "rule")


def _outline(scan: Scan, top: float) -> Iterator[Shape]:
    """The edge of a map, and the cut across it."""
    right, bottom = _LEFT + _CELL * len(scan.wild_type.protein.window), top + _HIGH
    corners = ((_LEFT, top), (right, top), (right, bottom), (_LEFT, bottom), (_LEFT, top))
    yield Line(corners, "faint", 0.8)
    if site := scan.wild_type.cleavage_site:
        at = _LEFT + _CELL * site
        yield Line(((at, top - 3), (at, bottom + 11)), "ink", 1.2, (2.0, 1.5))


def _of_probability(scan: Scan, one: Substitution) -> tuple[str, str]:
    """Colour and letters of a cell."""
    text = SHORT[one.prediction.type] if scan.changes_type(one) else ""
    return _colour(scan.change(one)), text


def _of_site(scan: Scan, one: Substitution) -> tuple[str, str]:
    shift = scan.shift(one)
    text = f"{shift:+d}".replace("-", "\u2212") if shift else ""
    return _colour(scan.cut_change(one)), text


def _colour(change: float) -> str:
    strength = sum(abs(change) >= step for step in _STEPS)
    return f"{'loss' if change < 0 else 'gain'}-{strength}" if strength else ""


def _cell(one: Substitution, top: float, colour: str, text: str) -> Iterator[Shape]:
    x, y = _LEFT + _CELL * (one.position - 1), top + _CELL * ROWS.index(one.to)
    if colour:
        yield Box(x, y, _CELL, _CELL, colour)
    if text:
        ink = "ground" if colour.endswith(("-3", "-4")) else "ink"
        size = 5.0 if len(text) > 1 else 6.5
        yield Words(x + _CELL / 2, y + 6.6, text, size, "middle", ink)


def _legend(y: float) -> Iterator[Shape]:
    """Samples of all colours, and what letters mean."""
    signs = [(-step, f"\u2212{step:g}") for step in reversed(_STEPS)]
    x = _LEFT
    for change, name in [*signs, *((step, f"+{step:g}") for step in _STEPS)]:
        yield Box(x, y, _CELL, _CELL, _colour(change))
        yield Words(x + _CELL + 2, y + 7, name, 6.5)
        x += 38
    letters = ", ".join(f"{short} {name}" for name, short in SHORT.items())
    yield Words(_LEFT, y + 19, f"grey: as it is; {letters}", 6.5, colour="faint")
