from dataclasses import replace

import numpy as np
import pytest

import peft_sp
from peft_sp.io.plotting.curves import CURVES
from peft_sp.io.plotting.protein import STYLES, drawn_curves, scene, strip
from peft_sp.io.plotting.shapes import Letters, Line, Markers


def test_the_highest_stem_stands_at_the_predicted_cut(predictions):
    for prediction in predictions:
        frame, content = scene(prediction)
        stems = [s for s in frame.fill(content) if isinstance(s, Markers) and s.colour == "ink"]
        if not prediction.is_signal_peptide:
            assert not stems
            continue
        x, y = min(stems[0].points, key=lambda point: point[1])
        assert x == pytest.approx(frame.x(prediction.cleavage_site + 0.5))
        assert y == pytest.approx(frame.y(prediction.cleavage_probability), abs=0.01)


@pytest.mark.parametrize("with_marginals", [True, False])
def test_all_that_is_drawn_lies_on_the_page(predictions, with_marginals):
    for prediction in predictions:
        one = prediction if with_marginals else replace(prediction, marginals=None)
        frame, content = scene(one)
        for shape in (*frame.shapes, *frame.fill(content)):
            if isinstance(shape, Line | Markers):
                xs, ys = np.array(shape.points).T
            elif isinstance(shape, Letters):
                xs, ys = np.array(shape.xs), np.array([shape.y])
            else:
                xs, ys = np.array([shape.x]), np.array([shape.y])
            assert xs.min() >= 0 and xs.max() <= frame.width
            assert ys.min() >= 0 and ys.max() <= frame.height


def test_curves_can_be_told_apart_without_colour():
    patterns = {(style.dashes, style.marker) for style in STYLES}
    assert len(patterns) == len(STYLES)


def test_excluded_types_are_not_shown():
    pair = ("a", "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN")
    predictor = peft_sp.load("fast", threads=1)
    (found,) = predictor.predict([pair], organism="eukarya", marginals=True)
    frame, content = scene(found)
    texts = " ".join(shape.text for shape in frame.fill(content) if hasattr(shape, "text"))
    assert f"SP {found.probability:.3g}" in texts and "LIPO" not in texts and "PILIN" not in texts


def test_the_strip_joins_a_lipobox_and_its_cysteine(predictions):
    (lipoprotein,) = (one for one in predictions if one.type == "LIPO")
    number, first, last = strip(lipoprotein)[-1]
    assert CURVES[number] == "lipobox"
    assert (first, last) == (lipoprotein.span("lipobox").start, lipoprotein.cleavage_site + 1)
    assert [CURVES[one] for one, _, _ in strip(lipoprotein)] == ["n-region", "h-region", "lipobox"]


def test_motifs_have_a_curve_only_where_they_are_worth_it():
    values = np.zeros((3, len(CURVES)), dtype=np.float32)
    assert [CURVES[n] for n in drawn_curves(values)] == [
        *("n-region", "h-region", "c-region"),
        "other",
    ]
    values[1, CURVES.index("lipobox")] = 0.05
    assert "lipobox" in [CURVES[n] for n in drawn_curves(values)]


def test_pictures_of_one_size_share_their_frame(signal):
    frame, content = scene(signal)
    other, _ = scene(replace(signal, protein=replace(signal.protein, header="other")))
    assert frame is other and content.texts["header"] != "other"
