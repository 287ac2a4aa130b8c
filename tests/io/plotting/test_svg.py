import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from peft_sp.io.plotting.protein import CURVES, STYLES
from peft_sp.io.plotting.svg import picture

SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_holds_what_was_predicted(predictions):
    for prediction in predictions:
        root = ElementTree.fromstring(picture(prediction))
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
                assert STYLES[CURVES.index(region.name)].short in texts
    assert any(text.startswith("x</svg><script>") for text in texts)


def test_without_marginals_a_picture_has_title_residues_and_regions_but_no_curves(predictions):
    for prediction in predictions:
        texts, tags = [], []
        for one in (prediction, replace(prediction, marginals=None)):
            root = ElementTree.fromstring(picture(one))
            texts.append([element.text for element in root.iter(SVG + "text")])
            tags.append([element.tag for element in root if element.get("stroke") != "#595959"])
        assert texts[1][-len(prediction.protein.window) :]
        assert set(texts[0]) - set(texts[1]) <= {
            *("0", "0.5", "probability", "cleavage"),
            *(style.legend for style in STYLES),
        }
        assert not set(texts[1]) - set(texts[0])
        assert tags[1].count(SVG + "polyline") == prediction.is_signal_peptide
        assert tags[1].count(SVG + "rect") == tags[0].count(SVG + "rect")
        assert SVG + "circle" not in tags[1]


@pytest.mark.integration
def test_it_loads_no_drawing_library(tmp_path):
    code = (
        "import sys, peft_sp\n"
        "from peft_sp.io.plotting import plotter\n"
        "pair = ('a', 'MKKTAIAIAVALAGFATVAQAAPKDN')\n"
        "found, = peft_sp.load('fast', threads=1).predict([pair], marginals=True)\n"
        f"plotter.draw(found, {str(tmp_path / 'a.svg')!r})\n"
        "print('matplotlib' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
