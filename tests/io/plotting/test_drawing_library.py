"""Pictures do not follow settings that matplotlib finds in the current directory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.plotting import drawing_library

DRAW = """
import sys
import peft_sp
from peft_sp.io.plotting import plotter
predictor = peft_sp.load("fast", threads=1)
(found,) = predictor.predict([("a", "MKKTAIAIAVALAGFATVAQAAPKDNTWY")], marginals=True)
for kind in ("png", "pdf", "eps"):
    plotter.draw(found, f"a.{kind}")
"""
HOSTILE = {
    "settings": b"font.size: 40\npath.simplify: False\npath.snap: False\ntext.antialiased: False\n"
    b"lines.antialiased: False\npdf.compression: 0\nps.useafm: True\nfigure.dpi: 30\n"
    b"savefig.pad_inches: 3\nsavefig.bbox: tight\nsavefig.facecolor: red\n"
    b"figure.constrained_layout.use: True\nbackend: module://planted\nwhat is\nnone: such\n",
    "no text": b"\xff\xfe\x00\x01\n",
}


def drawn(directory):
    subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=directory,
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "MPLCONFIGDIR": str(directory / "config")},
    )
    return [(directory / f"a.{kind}").read_bytes() for kind in ("png", "pdf", "eps")]


@pytest.mark.integration
def test_pictures_are_the_same_whatever_the_current_directory_holds(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "plain").mkdir()
    expected = drawn(tmp_path / "plain")
    for name, content in HOSTILE.items():
        directory = tmp_path / name
        directory.mkdir()
        (directory / "matplotlibrc").write_bytes(content)
        (directory / "planted.py").write_text("open('owned', 'w')")
        assert drawn(directory) == expected, name
        assert not (directory / "owned").exists()


@pytest.mark.integration
def test_settings_of_the_user_that_cannot_be_read_are_one_line(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\x00\x01\n")
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
    )
    last = done.stderr.splitlines()[-1]
    assert OutputError.__name__ in last and "matplotlib cannot be loaded ('utf-8'" in last
    assert "MATPLOTLIBRC" in last


def test_changed_settings_play_no_part_and_are_there_again():
    matplotlib = pytest.importorskip("matplotlib")
    drawing_library.load("drawing")
    with matplotlib.rc_context({"font.size": 33.0, "lines.linewidth": 9.0}):
        with drawing_library.defaults({"lines.linewidth": 2.0}):
            assert matplotlib.rcParams["font.size"] == matplotlib.rcParamsDefault["font.size"]
            assert matplotlib.rcParams["lines.linewidth"] == 2.0
        assert matplotlib.rcParams["font.size"] == 33.0
