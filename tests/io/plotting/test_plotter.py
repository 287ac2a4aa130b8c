import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

import peft_sp
from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import Protein
from peft_sp.errors import MissingExtraError, OutputError
from peft_sp.io.plotting import plotter as module
from peft_sp.io.plotting.protein import INK, LOOKS, Letters, Line, Markers, scene
from peft_sp.io.plotting.residue_table import residue_table

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'x</svg><script>alert(1)</script> & "quoted" $x^2_$ \\frac \u4fe1\u53f7 \ufffe'
STARTS = {
    "png": b"\x89PNG\r\n",
    "svg": b"<svg ",
    "pdf": b"%PDF-",
    "eps": b"%!PS-Adobe",
    "txt": b"#",
}


@pytest.fixture(scope="module")
def predictions(labelled):
    """A prediction of each type, one of 12 residues and one of a single residue."""
    pairs = [(one.accession, one.sequence) for one in labelled]
    pairs += [("short", "MKKLLAVAVLAG"), ("one", "M"), (HOSTILE, "MKKTAIAIAVALAGFATVAQAAPKDN" * 3)]
    found = list(peft_sp.load("fast", threads=1).predict(pairs, marginals=True))
    chosen = {prediction.type: prediction for prediction in found[:-3]}
    assert set(chosen) == set(TYPES)
    return [*chosen.values(), *found[-3:]]


@pytest.fixture(scope="module")
def signal(predictions):
    return next(prediction for prediction in predictions if prediction.type == "SP")


@pytest.mark.parametrize("kind", module.KINDS)
def test_each_kind_of_file(predictions, kind, tmp_path):
    if kind in ("png", "pdf", "eps"):
        pytest.importorskip("matplotlib")
    for number, prediction in enumerate(predictions):
        path = tmp_path / f"{number}.{kind}"
        module.draw(prediction, prediction.marginals, path)
        content = path.read_bytes()
        assert content.startswith(STARTS[kind]) and len(content) < 120_000
        module.draw(prediction, prediction.marginals, path)
        assert path.read_bytes() == content
    if kind == "txt":
        assert content == residue_table(prediction, prediction.marginals)


def test_png_has_the_size_of_its_window(predictions, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    widths = {}
    for prediction in predictions:
        path = tmp_path / "a.png"
        module.draw(prediction, prediction.marginals, path)
        with image.open(path) as picture:
            widths[len(prediction.protein.window)] = picture.width
            light = np.asarray(picture.convert("L"))
        assert 540 < light.shape[0] < 640
        # A white page with ink on it, and none at its edges.
        assert light[0].min() == light[:, 0].min() == light[:, -1].min() == 255
        assert light.min() < 40 and 0.005 < (light < 128).mean() < 0.1
    assert widths[1] == widths[12] < widths[70]


def test_svg_says_what_was_predicted(predictions, tmp_path):
    for prediction in predictions:
        module.draw(prediction, prediction.marginals, tmp_path / "a.svg")
        root = ElementTree.fromstring((tmp_path / "a.svg").read_bytes())
        assert {element.tag for element in root} <= {
            SVG + name for name in ("rect", "polyline", "text", "circle", "polygon")
        }
        texts = [element.text for element in root.iter(SVG + "text")]
        assert prediction.protein.window in texts
        words = " ".join(texts)
        assert f"{prediction.probability:.3f}" in words
        if prediction.is_signal_peptide:
            assert f"cleavage after {prediction.cleavage_site}," in words
            assert f"{prediction.cleavage_probability:.3f}" in words
        for region in prediction.regions:
            if region.name in ("n-region", "h-region") and region.end - region.start > 2:
                assert LOOKS[region.name].short in texts
    assert any(text.startswith("x</svg><script>") for text in texts)


def test_the_highest_stem_stands_at_the_predicted_cut(predictions):
    for prediction in predictions:
        place, shapes = scene(prediction, prediction.marginals)
        stems = [s for s in shapes if isinstance(s, Markers) and s.colour == INK]
        if not prediction.is_signal_peptide:
            assert not stems
            continue
        x, y = min(stems[0].points.tolist(), key=lambda point: point[1])
        assert x == pytest.approx(float(place.x(prediction.cleavage_site + 0.5)))
        assert y == pytest.approx(float(place.y(prediction.cleavage_probability)), abs=0.01)


def test_all_that_is_drawn_lies_on_the_page(predictions):
    for prediction in predictions:
        place, shapes = scene(prediction, prediction.marginals)
        for shape in (*place.shapes, *shapes):
            if isinstance(shape, Line | Markers):
                xs, ys = shape.points.T
            elif isinstance(shape, Letters):
                xs, ys = np.array(shape.xs), np.array([shape.y])
            else:
                xs, ys = np.array([shape.x]), np.array([shape.y])
            assert xs.min() >= 0 and xs.max() <= place.width
            assert ys.min() >= 0 and ys.max() <= place.height


def test_curves_can_be_told_apart_without_colour():
    patterns = {(look.dashes, look.marker) for look in LOOKS.values()}
    assert len(patterns) == len(LOOKS)


def test_excluded_types_are_not_shown():
    pair = ("a", "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN")
    predictor = peft_sp.load("fast", threads=1)
    (found,) = predictor.predict([pair], organism="eukarya", marginals=True)
    _, shapes = scene(found, found.marginals)
    texts = " ".join(shape.text for shape in shapes if hasattr(shape, "text"))
    assert f"SP {found.probability:.3g}" in texts and "LIPO" not in texts and "PILIN" not in texts


def test_names_of_files_never_collide(signal, tmp_path):
    ids = ["a|b", "a/b", "A.b", "a_b_2", "../../x", "con", "\u4fe1", "\u53f7", "y" * 900, "y" * 901]
    with module.Plotter(tmp_path, "svg") as plotter:
        names = [plotter.add(replace(signal, protein=Protein(one, "MKT"))) for one in ids]
    assert names[:6] == [
        "a_b.svg",
        "a_b_2.svg",
        "A_b_3.svg",
        "a_b_2_2.svg",
        "______x.svg",
        "con_.svg",
    ]
    assert len({name.lower() for name in names}) == len(ids)
    assert max(map(len, names)) < 130
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_several_processes_draw_the_same(predictions, tmp_path):
    pytest.importorskip("matplotlib")
    made = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        with module.Plotter(folder, "png", processes) as plotter:
            for number in range(100):
                plotter.add(predictions[number % len(predictions)])
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(made[0]) == 100 and made[0] == made[1]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_folder_that_cannot_be_written(signal, tmp_path, processes):
    pytest.importorskip("matplotlib")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        module.Plotter(tmp_path / "none", "png", processes) as plotter,
    ):
        for _ in range(200):
            plotter.add(signal)


def test_what_cannot_be_drawn(signal, tmp_path):
    with pytest.raises(ValueError, match="one of png, svg"):
        module.draw(signal, signal.marginals, tmp_path / "a.jpg")
    with (
        module.Plotter(tmp_path, "svg") as plotter,
        pytest.raises(ValueError, match="marginals=True"),
    ):
        plotter.add(replace(signal, marginals=None))
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_only_some_kinds_can_be_drawn(signal, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "peft_sp.io.plotting.matplotlib_backend", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for kind in ("png", "pdf", "eps"):
        with pytest.raises(MissingExtraError, match=r"pip install 'peft-sp\[plot\]'"):
            module.require(kind)
    for kind in ("svg", "txt"):
        module.draw(signal, signal.marginals, tmp_path / f"a.{kind}")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.integration
def test_svg_loads_no_drawing_library(tmp_path):
    code = (
        "import sys, peft_sp\n"
        "from peft_sp.io.plotting import plotter\n"
        "pair = ('a', 'MKKTAIAIAVALAGFATVAQAAPKDN')\n"
        "found, = peft_sp.load('fast', threads=1).predict([pair], marginals=True)\n"
        f"plotter.draw(found, found.marginals, {str(tmp_path / 'a.svg')!r})\n"
        "print('matplotlib' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
