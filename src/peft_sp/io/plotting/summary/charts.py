"""The charts of a run's summary, as SVG whose colours a style sheet gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log10

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import WINDOW
from peft_sp.io.plotting.summary.statistics import AFTER, BEFORE, REGIONS, Statistics

CHEMISTRY = {
    **dict.fromkeys("AVLIMFW", "greasy"),
    **dict.fromkeys("KRH", "plus"),
    **dict.fromkeys("DE", "minus"),
    **dict.fromkeys("GPCSTYNQ", "polar"),
}
"""The kind of each residue, by which a logo has its colours."""
_CAP = 0.72
"""Height of a capital letter, as a fraction of the font's size, in the fonts of the style sheet."""
FEWEST = 5
"""Peptides below which no logo is drawn."""
_CLASS = dict(zip(REGIONS, ("n", "h", "c", "signal"), strict=True))
_TICKS = (0, 20, 40, 60)
_CELL_WIDTH, _CELL_HEIGHT = 230.0, 36.0

Counts = NDArray[np.int64]


def histogram(counts: Counts, label: str, logarithmic: bool = False) -> str:
    """Bars over 0 to 1. On a logarithmic scale the smallest bars are those of one protein."""
    width, height, left, top = 330.0, 150.0, 44.0, 10.0
    most = max(int(counts.max(initial=0)), 1)
    ticks = _ticks(most, logarithmic)
    most = max(most, ticks[-1])

    def tall(count: float) -> float:
        if count <= 0:
            return 0.0
        return height * (log10(2 * count) / log10(2 * most) if logarithmic else count / most)

    parts = []
    for tick in ticks:
        y = top + height - tall(tick)
        parts.append(_rule(left, left + width, y))
        parts.append(_text(left - 6, y + 4, f"{tick:,}", "end"))
    step = width / len(counts)
    for number, count in enumerate(counts.tolist()):
        x, bar = left + number * step, tall(count)
        low, high = number / len(counts), (number + 1) / len(counts)
        title = f"<title>{low:.2f} to {high:.2f}: {count:,}</title>"
        parts.append(
            f'<rect class="bar" x="{x + 0.5:.1f}" y="{top + height - bar:.1f}" '
            f'width="{step - 1:.1f}" height="{bar:.1f}">{title}</rect>'
        )
    for fraction in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_text(left + fraction * width, top + height + 16, f"{fraction:g}", "middle"))
    return _svg(left + width + 14, top + height + 24, label, parts)


def _ticks(most: int, logarithmic: bool) -> list[int]:
    if logarithmic:
        return [10**power for power in range(len(str(most)))]
    unit = 10 ** max(len(str(most)) - 1, 0)
    step = next(s for s in (unit // 5, unit // 2, unit, 2 * unit, 5 * unit) if s and most / s <= 5)
    return list(range(0, most + 1, step))


def logo(statistics: Statistics, type_name: str) -> str:
    """Letters around the predicted cuts of a type; "" of fewer than 5 signal peptides."""
    if statistics.types[type_name] < FEWEST:
        return ""
    heights = statistics.logo(type_name)
    most = max(1.0, float(np.ceil(heights.sum(axis=1).max())))
    column, tall, left, top = 22.0, 110.0, 30.0, 8.0
    width, bottom = column * len(heights), top + tall
    parts = []
    for bits in range(int(most) + 1):
        y = bottom - tall * bits / most
        parts += [_rule(left, left + width, y), _text(left - 6, y + 4, str(bits), "end")]
    for position, row in enumerate(heights):
        x, y = left + position * column, bottom
        for number in np.argsort(row):
            height = tall * row[number] / most
            if height < 0.5:
                continue
            letter = AMINO_ACIDS[number]
            scale = height / (20 * _CAP)
            parts.append(
                f'<text class="{CHEMISTRY[letter]}" textLength="{column - 2:g}" font-size="20" '
                f'lengthAdjust="spacingAndGlyphs" transform="translate({x + 1:.1f} {y:.2f}) '
                f'scale(1 {scale:.3f})">{letter}</text>'
            )
            y -= height
        offset = position - BEFORE
        name = f"{offset:+d}" if offset < 0 else f"+{offset + 1}"
        parts.append(_text(x + column / 2, bottom + 14, name.replace("-", "\u2212"), "middle"))
    cut = left + BEFORE * column
    parts.append(f'<line class="cut" x1="{cut}" x2="{cut}" y1="{top}" y2="{bottom + 18}"/>')
    label = f"Sequence logo around the cleavage site of {type_name}, {BEFORE} residues before and "
    return _svg(left + width + 6, bottom + 22, f"{label}{AFTER} behind", parts, "logo")


def region_lengths(statistics: Statistics, types: Sequence[str], numbers: Sequence[int]) -> str:
    """Lengths of the regions of these types, whose numbers are given, as small histograms."""
    across, left, row, top = _CELL_WIDTH + 22, 74.0, _CELL_HEIGHT + 26, 14.0
    parts = [
        _text(left + column * across, 12, name, "start", "name")
        for column, name in enumerate(REGIONS)
    ]
    bottom = top + row * len(types)
    for line, (name, number) in enumerate(zip(types, numbers, strict=True)):
        base = top + row * (line + 1) - 8
        parts.append(_text(0, base - 10, name, "start", "name"))
        parts.append(_text(0, base + 3, f"n = {statistics.types[name]:,}", "start"))
        for column, region in enumerate(REGIONS):
            counts = statistics.lengths[number, column]
            x = left + column * across
            parts.extend(_small_histogram(counts, x, base, region))
    for column in range(len(REGIONS)):
        x, scale = left + column * across, _CELL_WIDTH / (WINDOW + 1)
        parts += [
            _text(x + position * scale, bottom + 8, str(position), "middle") for position in _TICKS
        ]
    return _svg(left + across * len(REGIONS), bottom + 14, "Lengths of regions in residues", parts)


def _small_histogram(counts: Counts, x: float, base: float, region: str) -> Iterator[str]:
    width, height = _CELL_WIDTH, _CELL_HEIGHT
    yield _rule(x, x + width, base)
    if not counts.any():
        yield _text(x + 4, base - 6, "none")
        return
    scale, most = width / len(counts), counts.max()
    bars = "".join(
        f"M{x + n * scale:.1f} {base}v{-height * counts[n] / most:.1f}h{scale:.2f}V{base}z"
        for n in np.flatnonzero(counts).tolist()
    )
    middle = median(counts)
    yield f'<path class="{_CLASS[region]}" d="{bars}"/>'
    yield _text(x + width, base - height - 2, f"median {middle}", "end")


def median(counts: Counts) -> int:
    """The median of values that occur `counts` times; the lower one of two."""
    return int(np.searchsorted(counts.cumsum(), (counts.sum() + 1) // 2))


def _svg(width: float, height: float, label: str, parts: Sequence[str], kind: str = "") -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" '
        f'class="{kind}" style="max-width:{width:g}px">{"".join(parts)}</svg>'
    )


def _rule(left: float, right: float, y: float) -> str:
    return f'<line class="rule" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
