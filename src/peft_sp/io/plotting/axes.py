"""A prediction on matplotlib's own Axes, for notebooks and figures. Needs `peft-sp[plot]`.

Curves, stems and regions are the layers of `protein.scene`, filled in units of residues and
probability; ticks, labels and legend are the Axes' own, so that they can be changed as in any
figure. Files of many proteins are drawn by `plotter`: an Axes takes several times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peft_sp.biology.prediction import Prediction
from peft_sp.errors import MissingExtraError
from peft_sp.io.plotting.layers import Content, Curve, Frame, Scale, Stems
from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.protein import STYLES, scene
from peft_sp.io.plotting.shapes import Line, Markers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE, _SIZE_WITHOUT_CURVES = (9.0, 3.6), (9.0, 1.4)
"""Width and height in inches of a figure that is made here."""
_MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
_STRIP, _NAMES, _BOX = -26.0, -39.0, 12.0
"""Points from the axis down to the residues and to the regions' names; height of their boxes."""
_UNITS = Frame(0.0, 0.0, Scale(0.0, 1.0), Scale(0.0, 1.0), (), ())


def plot(prediction: Prediction, ax: Axes | None = None) -> Axes:
    """Draw a prediction on an Axes: probabilities of regions and cuts, residues, regions.

    ax: what is drawn on; without it a new figure of pyplot's. Returns the Axes, whose x counts
    residues from 1 and whose y is a probability. Without marginals only residues and regions are
    drawn. Raises MissingExtraError without matplotlib.
    """
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing on an Axes", "plot", error.name) from None
    frame, content = scene(prediction)
    if ax is None:
        size = _SIZE if content.curves else _SIZE_WITHOUT_CURVES
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    for layer in frame.layers:
        if isinstance(layer, Curve):
            _curve(ax, layer, content)
        elif isinstance(layer, Stems):
            _stems(ax, layer, content)
    _residues(ax, content)
    header, call = content.texts["header"], content.texts["call"]
    # Never as formulas: a name may hold dollar signs.
    ax.set_title(f"{header}\n{call}", loc="left", fontsize=10, parse_math=False)
    ax.set_xlim(0.5, max(len(content.window), 2) + 0.5)
    ax.set_xlabel("residue", labelpad=30)
    if content.curves:
        ax.set_ylim(0, 1.03)
        ax.set_ylabel("probability")
        names = [*(style.legend for style in STYLES), "cleavage"]
        pairs = zip(*ax.get_legend_handles_labels(), strict=True)
        handles, labels = zip(*sorted(pairs, key=lambda pair: names.index(pair[1])), strict=True)
        where: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        ax.legend(handles, labels, frameon=False, fontsize=8, **where)
    else:
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _curve(ax: Axes, layer: Curve, content: Content) -> None:
    """One line with gaps where the curve lies on the axis, and its markers."""
    xs: list[float] = []
    ys: list[float] = []
    style = STYLES[layer.number]
    look: dict[str, Any] = {"color": LIGHT[layer.colour], "clip_on": False}
    for shape in layer.fill(_UNITS, content):
        if isinstance(shape, Line):
            xs += [x for x, _ in (*shape.points, (float("nan"), 0.0))]
            ys += [y for _, y in (*shape.points, (0.0, float("nan")))]
        else:
            points = zip(*shape.points, strict=True)
            ax.plot(*points, _MARKERS[shape.outline], markersize=shape.size, **look)
    (line,) = ax.plot(xs, ys, label=style.legend, linewidth=layer.width, **look)
    if layer.dashes:  # which the line takes in units of its width
        line.set_dashes([length / layer.width for length in layer.dashes])


def _stems(ax: Axes, layer: Stems, content: Content) -> None:
    """Lines from the axis, with heads."""
    for shape in layer.fill(_UNITS, content):
        if isinstance(shape, Markers):
            xs, ys = zip(*shape.points, strict=True)
            colour = LIGHT[layer.colour]
            ax.vlines(xs, 0, ys, color=colour, linewidth=layer.width, label="cleavage")
            ax.plot(xs, ys, "o", color=colour, markersize=layer.head)


def _residues(ax: Axes, content: Content) -> None:
    """Below the axis: letters on the predicted regions, their names, and the cut."""
    look: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    look |= {"ha": "center", "va": "center", "annotation_clip": False}
    for number, first, last in content.regions:
        style = STYLES[number]
        middle = (first + last) / 2
        ax.annotate(
            style.short,
            (middle, 0),
            xytext=(0, _NAMES),
            color=LIGHT[style.colour],
            fontsize=8,
            fontweight="bold",
            **look,
        )
        _bar(ax, first - 0.46, last + 0.46, _STRIP, LIGHT[f"{style.colour}-tint"])
    for position, letter in enumerate(content.window, 1):
        ax.annotate(
            letter, (position, 0), xytext=(0, _STRIP), family="monospace", fontsize=8, **look
        )
    if content.site:
        at = content.site + 0.5
        _bar(ax, at - 0.06, at + 0.06, _STRIP, LIGHT["ink"])


def _bar(ax: Axes, left: float, right: float, offset: float, colour: str) -> None:
    """A bar as high as a letter, some points from the axis."""
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure(root=True)
    assert figure is not None
    down = ScaledTranslation(0, offset / 72, figure.dpi_scale_trans)
    ax.plot(
        [left, right],
        [0, 0],
        color=colour,
        linewidth=_BOX,
        solid_capstyle="butt",
        clip_on=False,
        zorder=1,
        transform=ax.get_xaxis_transform() + down,
    )
