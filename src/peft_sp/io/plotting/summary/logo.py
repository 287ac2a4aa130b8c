"""A sequence logo around cleavage sites on matplotlib's own Axes. Needs `peft-sp[plot]`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import NO_SP, TYPES
from peft_sp.biology.prediction import Prediction
from peft_sp.errors import MissingExtraError, OptionError
from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.summary.charts import CHEMISTRY, FEWEST
from peft_sp.io.plotting.summary.statistics import AFTER, BEFORE, Statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"greasy": "ink", "plus": "n-region", "minus": "h-region", "polar": "c-region"}
"""The palette's colour of each kind of residue, as in the style sheet of the summary."""


def plot_logo(
    predictions: Iterable[Prediction], type_name: str = "SP", ax: Axes | None = None
) -> Axes:
    """Draw the sequence logo around the predicted cuts of a type: 12 residues before, 5 behind.

    Heights are bits, relative to the composition of all the predictions' windows
    (`Statistics.logo`). ax: what is drawn on; without it a new figure of pyplot's. Returns the
    Axes. Raises MissingExtraError without matplotlib, OptionError for another type, and for fewer
    than 5 signal peptides of it.
    """
    if type_name not in TYPES or type_name == NO_SP:
        types = ", ".join(name for name in TYPES if name != NO_SP)
        raise OptionError(f"a logo is of {types}, not {type_name!r}")
    try:
        from matplotlib import pyplot
        from matplotlib.patches import PathPatch
        from matplotlib.textpath import TextPath
        from matplotlib.transforms import Affine2D
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing on an Axes", "plot", error.name) from None
    statistics = Statistics()
    statistics.add(list(predictions))
    if (count := statistics.types[type_name]) < FEWEST:
        raise OptionError(f"a logo needs {FEWEST} signal peptides of type {type_name}, not {count}")
    if ax is None:
        _, ax = pyplot.subplots(figsize=(6.0, 2.2), layout="constrained")
    heights = statistics.logo(type_name)
    paths = {letter: TextPath((0, 0), letter, size=1) for letter in AMINO_ACIDS}
    for position, row in enumerate(heights):
        bottom = 0.0
        for number in np.argsort(row):
            letter, height = AMINO_ACIDS[number], float(row[number])
            if height < 0.005:
                continue
            box = paths[letter].get_extents()
            fit = Affine2D().translate(-box.x0, -box.y0)
            fit = fit.scale(0.92 / box.width, height / box.height).translate(
                position - 0.46, bottom
            )
            shape = paths[letter].transformed(fit)
            ax.add_patch(PathPatch(shape, color=LIGHT[COLOURS[CHEMISTRY[letter]]], linewidth=0))
            bottom += height
    ax.axvline(BEFORE - 0.5, color=LIGHT["ink"], linewidth=0.8, linestyle="--")
    names = [*range(-BEFORE, 0), *range(1, AFTER + 1)]
    texts = [f"{name:+d}".replace("-", "\u2212") for name in names]
    ax.set_xticks(range(len(names)), texts, fontsize=8)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_ylim(0, max(1.0, float(heights.sum(axis=1).max()) * 1.02))
    ax.set_ylabel("bits")
    ax.set_title(f"{type_name}, {count:,} signal peptides", loc="left", fontsize=10)
    return ax
