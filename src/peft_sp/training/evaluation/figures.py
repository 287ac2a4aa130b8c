"""Pictures of a cross-validation, as PNG files. Needs `peft-sp[plot]`.

Colours are those of Okabe and Ito, which the colour-blind tell apart; each meaning also has a
marker of its own. The user's matplotlib settings play no part, so that the same input gives the
same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from peft_sp.biology.grammar import ORGANISM_GROUPS, TYPES
from peft_sp.io.atomic import write_bytes
from peft_sp.io.plotting import drawing_library
from peft_sp.io.plotting.palette import BLUE, GREEN, GREY, PALE, SKY, VERMILION
from peft_sp.io.registry.accuracy import BIG_CLASSES, as_text
from peft_sp.training.evaluation.calibration import Reliability
from peft_sp.training.evaluation.metrics import TOLERANCES, Outcomes, Scores
from peft_sp.training.evaluation.published import LORA_3B_MCC2, SIGNALP6_CLEAVAGE, SIGNALP6_MCC2

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RegionLengths = Mapping[str, Mapping[str, NDArray[np.int64]]]
"""Residues of each window's regions "n", "h" and "c", by type: see `regions.region_lengths`."""

_MARKED = (
    (SIGNALP6_MCC2, "o", VERMILION, "SignalP 6.0"),
    (LORA_3B_MCC2, "D", GREEN, "LoRA, ESM-2 3B"),
)
"""Published MCC2 of each class with marker, colour and name."""
_DPI = 150
_WIDTH = 8.0
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
}


def draw(  # noqa: PLR0917 - what a cross-validation has, in the order it comes about
    directory: str | os.PathLike[str],
    outcomes: Outcomes,
    scores: Scores,
    regions: RegionLengths,
    before: Reliability,
    after: Reliability,
    *,
    published: bool = False,
) -> list[str]:
    """Draw a cross-validation into an existing directory; the names of the files written.

    outcomes of one protein or more, their scores, region lengths as predicted, and reliability
    before and after temperature scaling. published: the proteins are those of the published
    figures, which are drawn beside ours (see `published.is_comparable`). A picture without
    anything to show is left out.

    Raises as `drawing_library.load`, and OutputError where a file cannot be written.
    """
    drawing_library.load("drawing")
    big = [c for c in scores.classes if (c.organism, c.type) in BIG_CLASSES]
    with drawing_library.defaults(_STYLE):
        pictures = {
            "classes.png": _classes(scores, published) if scores.classes else None,
            "cleavage.png": _cleavage(scores, published) if big else None,
            "reliability.png": _reliability(before, after),
            "confusion.png": _confusion(outcomes),
            "regions.png": _regions(regions) if regions else None,
        }
        rendered = {name: _png(figure) for name, figure in pictures.items() if figure is not None}
    for name, content in rendered.items():
        write_bytes(Path(directory) / name, content)
    return list(rendered)


def _figure(height: float) -> Figure:
    # Not by pyplot, which keeps figures in a global list and asks for a screen.
    from matplotlib.figure import Figure

    return Figure(figsize=(_WIDTH, height))


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    # Without matplotlib's version, which is no part of the picture.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _group(organism: str) -> str:
    """An organism group as a title: NEGATIVE means Gram-negative."""
    gram = organism in ("POSITIVE", "NEGATIVE")
    return f"Gram-{organism.lower()}" if gram else organism.capitalize()


def _classes(scores: Scores, published: bool) -> Figure:
    """MCC2 per class as bars with intervals, the published figures as markers."""
    groups = [
        (organism, found)
        for organism in ORGANISM_GROUPS
        if (found := [c for c in scores.classes if c.organism == organism])
    ]
    sizes = [len(found) for _, found in groups]
    figure = _figure(1.9 + 0.3 * sum(sizes) + 0.2 * len(sizes))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=sizes)[:, 0]
    # Intervals of a class of few proteins may reach below zero.
    least = np.nanmin([0.0, *(x for c in scores.classes for x in (c.mcc2, c.mcc2_interval[0]))])
    intervals = any(np.isfinite(c.mcc2_interval).all() for c in scores.classes)
    for panel, (organism, found) in zip(panels, groups, strict=True):
        rows = np.arange(len(found))
        panel.barh(rows, [c.mcc2 for c in found], height=0.62, color=SKY, label="this recipe")
        for row, c in zip(rows, found, strict=True):
            panel.plot(c.mcc2_interval, (row, row), color="black", linewidth=1.1)
        for theirs, marker, colour, name in _MARKED if published else ():
            points = [theirs.get((c.organism, c.type), np.nan) for c in found]
            # The two stand one above the other, so that equal figures hide none of them.
            at = rows + (-0.16 if marker == "o" else 0.16)
            look = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}
            panel.plot(points, at, marker, color=colour, label=f"{name} (published)", **look)
        panel.set_yticks(rows, [f"{c.type}  (n = {c.proteins:,})" for c in found])
        panel.set_ylim(len(found) - 0.5, -0.5)
        panel.set_title(_group(organism), loc="left", fontweight="bold")
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
    panels[-1].set_xlim(least - 0.02 if least < 0 else 0, 1.02)
    low, high = scores.mean_mcc2_interval
    spread = f" ({low:.3f} to {high:.3f})" if np.isfinite((low, high)).all() else ""
    interval = "; line: 95 % bootstrap interval" if intervals else ""
    panels[-1].set_xlabel(
        f"MCC2 (type against all others of the organism group){interval}\n"
        f"mean over classes ({sum(sizes)}): {as_text(scores.mean_mcc2)}{spread}"
        + ("\npublished: means over six models; this recipe: all folds' predictions in one table")
        * published
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=3)
    return figure


def _cleavage(scores: Scores, published: bool) -> Figure:
    """Recall and precision of cleavage sites against tolerance, one panel a big class."""
    classes = {(c.organism, c.type): c for c in scores.classes}
    shown = [classes[key] for key in BIG_CLASSES if key in classes]
    columns = min(3, len(shown))
    figure = _figure(0.9 + 2.3 * -(-len(shown) // columns))
    panels = figure.subplots(-(-len(shown) // columns), columns, squeeze=False)
    for panel in panels[:, 0]:
        panel.set_ylabel("share of sites")
    panels = panels.ravel()
    lines = (("recall", "o", BLUE, "-"), ("precision", "s", VERMILION, "--"))
    points = [x for c in shown for x in (*c.cleavage_recall, *c.cleavage_precision)]
    known = {key: SIGNALP6_CLEAVAGE[key] for key in BIG_CLASSES if key in classes and published}
    points += [x for pair in known.values() for x in pair]
    bottom = max(0.0, np.floor(float(np.nanmin(points)) * 10 - 0.3) / 10)
    for panel, c in zip(panels, shown, strict=False):
        measured = (c.cleavage_recall, c.cleavage_precision)
        for (name, marker, colour, dash), own, theirs in zip(
            lines, measured, known.get((c.organism, c.type), (None, None)), strict=True
        ):
            panel.plot(TOLERANCES, own, marker + dash, color=colour, markersize=5, label=name)
            if theirs is None:
                continue
            # Left of tolerance 0, where the point would lie on ours.
            at = -0.25 if name == "recall" else -0.4
            look = {"markersize": 6, "markerfacecolor": "none", "clip_on": False}
            panel.plot(at, theirs, marker, color=colour, label=f"SignalP 6.0, {name}", **look)
        panel.set_title(f"{_group(c.organism)} {c.type} (n = {c.proteins:,})", fontsize=9)
        panel.set_ylim(bottom, 1.01)
        panel.set_xlim(-0.6, TOLERANCES[-1] + 0.2)
        panel.set_xticks(TOLERANCES)
        panel.grid(axis="y")
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    theirs_at = "; SignalP 6.0 as published, at tolerance 0" if published else ""
    figure.supxlabel(f"cleavage sites: tolerance (residues){theirs_at}", fontsize=9)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _reliability(before: Reliability, after: Reliability) -> Figure:
    """How often a probability is right, before and after, over how often it is given."""
    figure = _figure(6.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    above.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=":", label="perfect")
    for found, name, marker, colour, side in (
        (before, "before temperature", "o", VERMILION, 0),
        (after, "after temperature", "s", BLUE, 1),
    ):
        filled = found.count > 0
        x, y, n = found.confidence[filled], found.share_right[filled], found.count[filled]
        label = f"{name}: ECE {found.expected_calibration_error:.4f}"
        bars = {"capsize": 2, "elinewidth": 0.8, "markersize": 5, "linewidth": 1.2}
        above.errorbar(x, y, _wilson(y, n), fmt=marker + "-", color=colour, label=label, **bars)
        width = 1 / len(found.count)
        left = found.edges[:-1] + width * (0.1 + 0.4 * side)
        below.bar(left, found.count, 0.4 * width, align="edge", color=colour)
    above.set_ylabel("share right (with 95 % Wilson interval)")
    above.set_ylim(0, 1.02)
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    # The last bin holds nearly all: the others would not be seen on a plain scale.
    below.set_yscale("log")
    below.set_ylabel("predictions")
    below.set_xlabel("probability of the predicted type")
    below.set_xlim(0, 1.02)
    for panel in (above, below):
        panel.grid()
    return figure


def _wilson(share: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances (2, B) down and up from a share of `count` to its 95 % Wilson interval."""
    hits = np.rint(share * count).astype(np.int64)
    intervals = [
        binomtest(int(k), int(n)).proportion_ci(0.95, method="wilson")
        for k, n in zip(hits, count, strict=True)
    ]
    low, high = np.array([(i.low, i.high) for i in intervals]).reshape(-1, 2).T
    # Rounding may leave an end on the wrong side by a hair, which matplotlib refuses.
    distances: NDArray[np.float64] = np.clip([share - low, high - share], 0, None)
    return distances


def _confusion(outcomes: Outcomes) -> Figure:
    """Annotated against predicted type: of all proteins, and by organism group."""
    groups = [o for o in ORGANISM_GROUPS if (outcomes.organism == o).any()]
    panels = [("All", outcomes)]
    panels += [(_group(o), outcomes.take(outcomes.organism == o)) for o in groups]
    rows = -(-len(panels) // 2)
    figure = _figure(0.8 + 2.5 * rows)
    places = figure.subplots(rows, 2, squeeze=False).ravel()
    for place, (name, found) in zip(places, panels, strict=False):
        image = _matrix(place, found)
        place.set_title(f"{name} ({len(found.type):,} predictions)")
    for place in places[len(panels) :]:
        place.set_axis_off()
    figure.supxlabel("predicted type (grey: no protein is annotated so)", fontsize=9)
    figure.supylabel("annotated type", fontsize=9)
    where: dict[str, Any] = {"ax": list(places), "location": "top", "pad": 0.02}
    figure.colorbar(image, label="share of the annotated type", shrink=0.5, aspect=40, **where)
    return figure


def _matrix(panel: Axes, found: Outcomes) -> Any:
    size = len(TYPES)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (found.true_type, found.type), 1)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    panel.set_facecolor(PALE)
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.55 else "black"
            at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": colour}
            panel.text(column, row, f"{count:,}", **at)
    panel.set_xticks(range(size), TYPES, fontsize=7.5)
    panel.set_yticks(range(size), TYPES, fontsize=7.5)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    return image


def _regions(regions: RegionLengths) -> Figure:
    """Lengths of each region as boxes, one row a type."""
    types = [name for name in TYPES if name in regions]
    figure = _figure(1.3 + 0.45 * len(types))
    panels = figure.subplots(1, 3, sharey=True)
    look: dict[str, Any] = {
        "orientation": "horizontal",
        "widths": 0.55,
        "patch_artist": True,
        "boxprops": {"facecolor": SKY, "linewidth": 0.8},
        "medianprops": {"color": "black", "linewidth": 1.6},
        "flierprops": {"marker": ".", "markersize": 3, "markeredgecolor": GREY},
    }
    for panel, region in zip(panels, "nhc", strict=True):
        for row, name in enumerate(types):
            lengths = regions[name].get(region)
            if lengths is None or not len(lengths):
                # In the middle of the axis, whatever lengths it spans.
                middle = panel.get_yaxis_transform()
                panel.text(0.5, row, "none", transform=middle, ha="center", va="center")
                continue
            panel.boxplot(lengths, positions=[row], **look)
        panel.set_title(f"{region}-region")
        panel.set_xlabel("length (residues)")
        panel.set_xlim(left=0)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
    sizes = [max(map(len, regions[name].values()), default=0) for name in types]
    labels = [f"{name}  (n = {size:,})" for name, size in zip(types, sizes, strict=True)]
    panels[0].set_yticks(range(len(types)), labels)
    panels[0].set_ylim(len(types) - 0.5, -0.5)
    return figure
