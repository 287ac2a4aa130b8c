import re
from pathlib import Path

import pytest

import peft_sp
from peft_sp.io.plotting.palette import DARK, LIGHT, style_sheet
from peft_sp.io.plotting.protein import STYLES

ROOT = Path(peft_sp.__file__).parent
HEX = re.compile(r"#[0-9a-fA-F]{6}\b")


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_each_colour_has_one_for_the_dark():
    assert LIGHT.keys() == DARK.keys()


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_curves_can_be_read_on_their_ground(colours):
    assert contrast(colours["on-focus"], colours["focus"]) > 4.5
    assert contrast(colours["ink"], colours["wrong-tint"]) > 7
    for ground in ("ground", "panel", "card"):
        assert contrast(colours["ink"], colours[ground]) > 7
        assert contrast(colours["faint"], colours[ground]) > 4.5
        assert contrast(colours["focus"], colours[ground]) > 4.5
        assert contrast(colours["wrong"], colours[ground]) > 4.5
        assert all(contrast(colours[style.colour], colours[ground]) > 3 for style in STYLES)
    assert all(contrast(colours["ink"], colours[f"{s.colour}-tint"]) > 4.5 for s in STYLES[:-1])


def test_the_style_sheet_has_every_colour_of_both():
    light, dark, chosen = style_sheet().split("@media screen")
    assert "prefers-color-scheme: dark" in dark and "[data-theme=dark]" in chosen
    for text, colours in ((light, LIGHT), (dark, DARK), (chosen, DARK)):
        assert dict(re.findall(r"--([\w-]+): (#\w+);", text)) == colours


def test_no_other_file_of_the_package_has_a_colour():
    files = [path for end in ("py", "css", "js", "html") for path in ROOT.rglob(f"*.{end}")]
    assert len(files) > 50
    with_colours = [path.name for path in files if HEX.search(path.read_text(encoding="utf-8"))]
    assert with_colours == ["palette.py"]
