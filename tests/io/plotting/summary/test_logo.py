"""The logo on Axes: the letters of the statistics, at their heights and places."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import peft_sp
from peft_sp.errors import MissingExtraError, OptionError
from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.summary.charts import CHEMISTRY
from peft_sp.io.plotting.summary.logo import COLOURS, plot_logo
from peft_sp.io.plotting.summary.statistics import BEFORE, Statistics
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def predictions(ecoli):
    return list(peft_sp.load("fast", threads=1).predict(ecoli))


def test_letters_are_as_tall_as_the_statistics_say(predictions):
    ax = pytest.importorskip("matplotlib.figure").Figure().subplots()
    assert plot_logo(predictions, "SP", ax) is ax
    statistics = Statistics()
    statistics.add(predictions)
    heights = statistics.logo("SP")
    found = np.zeros(len(heights))
    for patch in ax.patches:
        box = patch.get_path().get_extents()
        found[round((box.x0 + box.x1) / 2)] += box.height
    np.testing.assert_allclose(found, heights.sum(axis=1), atol=0.1)
    assert found.max() > 1
    highest = max(ax.patches, key=lambda patch: patch.get_path().get_extents().height)
    assert highest.get_facecolor()[:3] == pytest.approx(_rgb(LIGHT["ink"]))  # an alanine
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names[BEFORE - 1 : BEFORE + 1] == ["\u22121", "+1"]
    assert f"{statistics.types['SP']} signal peptides" in ax.get_title(loc="left")


def _rgb(colour):
    return [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]


def test_colours_are_those_of_the_summary():
    style = (ROOT / "src/peft_sp/io/plotting/summary/static/summary.css").read_text()
    assert set(COLOURS) == set(CHEMISTRY.values())
    for kind, colour in COLOURS.items():
        assert f".logo .{kind} {{ fill: var(--{colour}); }}" in style


def test_what_cannot_be_drawn_is_one_line(predictions, monkeypatch):
    with pytest.raises(OptionError, match=r"a logo is of SP, LIPO, .*, not 'NO_SP'"):
        plot_logo(predictions, "NO_SP")
    with pytest.raises(OptionError, match="needs 5 signal peptides of type PILIN, not 1"):
        plot_logo(predictions, "PILIN")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"peft-sp\[plot\]"):
        plot_logo(predictions)
