"""The heat map of a scan."""

import xml.etree.ElementTree as ElementTree

import pytest

from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.biology.substitutions import Scan, Substitution
from peft_sp.errors import OutputError
from peft_sp.io.plotting import heatmap
from peft_sp.io.plotting.palette import LIGHT
from tests.support.predictions import by_type

SVG = "{http://www.w3.org/2000/svg}"


def predicted(kind, site, *values):
    cut = values[-1] if site else None
    return Prediction(Protein("a <b>", "MKAX"), kind, by_type(*values), site, cut)


SCAN = Scan(
    predicted("SP", 2, 0.1, 0.9),
    (
        Substitution(1, "M", "A", predicted("SP", 2, 0.12, 0.88)),  # next to nothing
        Substitution(2, "K", "D", predicted("NO_SP", None, 0.9, 0.1)),  # it is broken
        Substitution(3, "A", "C", predicted("LIPO", 1, 0.05, 0.05, 0.9)),
        Substitution(4, "X", "W", predicted("SP", 4, 0.35, 0.65)),
    ),
)


def test_each_change_is_a_cell_of_both_maps():
    root = ElementTree.fromstring(heatmap.picture(SCAN))
    _, *boxes = root.iter(f"{SVG}rect")  # the first is the page
    boxes = [(box.get("fill"), *(float(box.get(at)) for at in "xy")) for box in boxes]
    legend = max(y for fill, _, y in boxes if fill == LIGHT["gain-4"])
    cells = [(fill, x, y) for fill, x, y in boxes if y < legend]
    columns = {x: [fill for fill, own, _ in cells if own == x] for _, x, _ in cells}
    # From the left to the right; residues that are there are grey in both maps, X is none.
    assert [columns[x] for x in sorted(columns)] == [
        [LIGHT["rule"]] * 2,
        [LIGHT["rule"], LIGHT["loss-4"]] * 2,
        [LIGHT["rule"]] * 2,
        [LIGHT["loss-2"], LIGHT["loss-2"]],
    ]
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for text in ("a <b>", "SP, P(signal peptide) 0.900, cleavage after 2", "\u22121", "+2", "L"):
        assert text in texts
    assert texts.count("MKAX") == 2 and texts.count("\u2013") == 1


@pytest.mark.parametrize("kind", heatmap.KINDS)
def test_files(tmp_path, kind):
    if kind != "svg":
        pytest.importorskip("matplotlib")
    path = tmp_path / f"map.{kind}"
    heatmap.draw(SCAN, path)
    begins = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF", "eps": b"%!PS"}
    assert path.read_bytes().startswith(begins[kind])


def test_a_png_has_the_colours_of_the_map(tmp_path):
    pytest.importorskip("matplotlib")
    from PIL import Image, ImageColor

    path = tmp_path / "map.png"
    heatmap.draw(SCAN, path)
    colours = {colour for _, colour in Image.open(path).convert("RGB").getcolors(1 << 24)}
    for name in ("loss-4", "gain-4", "loss-2", "rule"):
        wanted = ImageColor.getrgb(LIGHT[name])
        assert min(max(abs(a - b) for a, b in zip(c, wanted, strict=True)) for c in colours) <= 4


def test_what_cannot_be_drawn_is_named(tmp_path):
    with pytest.raises(ValueError, match="a heat map is one of png, svg, pdf, eps, not 'txt'"):
        heatmap.draw(SCAN, tmp_path / "map.txt")
    with pytest.raises(OutputError, match="cannot be written"):
        heatmap.draw(SCAN, tmp_path / "missing" / "map.svg")
