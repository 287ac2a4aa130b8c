from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from peft_sp.errors import MissingExtraError
from peft_sp.io.plotting import axes
from peft_sp.io.plotting.palette import LIGHT
from peft_sp.io.plotting.protein import CURVES, STYLES, curves


@pytest.fixture
def ax():
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(9, 3.6))
    return figure.subplots()


def test_curves_and_cuts_stand_at_their_residues_and_probabilities(predictions, ax):
    for prediction in predictions:
        ax.clear()
        assert axes.plot(prediction, ax) is ax
        values = curves(prediction.marginals.regions)
        lines = {line.get_label(): line for line in ax.get_lines()}
        for number, style in enumerate(STYLES):
            if style.legend not in lines:
                assert CURVES[number].endswith(("motif", "lipobox"))
                continue
            assert lines[style.legend].get_color() == LIGHT[style.colour]
            xs, ys = map(np.asarray, lines[style.legend].get_data())
            drawn = np.isfinite(xs) & np.isfinite(ys)
            np.testing.assert_allclose(ys[drawn], values[xs[drawn].astype(int) - 1, number])
            left_out = np.delete(values[:, number], xs[drawn].astype(int) - 1)
            assert len(values) == 1 or left_out.max(initial=0) < 0.01
        stems = {
            segment[1][0]: segment[1][1] for c in ax.collections for segment in c.get_segments()
        }
        assert bool(stems) == prediction.is_signal_peptide
        if stems:
            at = max(stems, key=stems.get)
            assert at == prediction.cleavage_site + 0.5
            assert stems[at] == pytest.approx(prediction.cleavage_probability, abs=1e-4)


def test_residues_and_names_of_regions_stand_below(predictions, ax):
    for prediction in predictions:
        ax.clear()
        axes.plot(prediction, ax)
        texts = [text.get_text() for text in ax.texts]
        assert "".join(texts).endswith(prediction.protein.window)
        short = [STYLES[CURVES.index(r.name)].short for r in prediction.regions if r.name in CURVES]
        assert texts[: len(short)] == short


def test_any_name_can_be_drawn(predictions, ax):
    axes.plot(predictions[-1], ax)
    assert "$x^2_$" in predictions[-1].protein.header
    assert ax.get_title(loc="left").startswith(predictions[-1].protein.header)
    content = BytesIO()
    with pytest.warns(UserWarning, match="Glyph .* missing from font") as warned:
        ax.figure.savefig(content, format="svg")
    assert {chr(int(str(one.message).split()[1])) for one in warned} == set("\u4fe1\u53f7\ufffe")
    assert content.getvalue()


def test_without_marginals_there_are_no_curves(signal, ax):
    axes.plot(replace(signal, marginals=None), ax)
    assert not ax.collections and ax.get_legend() is None
    assert not ax.yaxis.get_visible()


def test_without_an_axes_there_is_a_new_figure(signal, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    before = pyplot.get_fignums()
    ax = axes.plot(signal)
    assert len(pyplot.get_fignums()) == len(before) + 1
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["n-region", "h-region", "c-region", "other", "cleavage"]
    pyplot.close(ax.figure)


def test_matplotlib_is_an_extra(signal, without_matplotlib):
    with pytest.raises(MissingExtraError, match=r"pip install 'peft-sp\[plot\]'"):
        axes.plot(signal)
