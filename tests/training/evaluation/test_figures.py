import struct
import zlib

import numpy as np
import pytest

from peft_sp.biology.grammar import ORGANISM_GROUPS, TYPES
from peft_sp.errors import MissingExtraError, OutputError
from peft_sp.training.evaluation.calibration import reliability, temper
from peft_sp.training.evaluation.figures import draw
from peft_sp.training.evaluation.metrics import Outcomes, score

ALL = ["classes.png", "cleavage.png", "reliability.png", "confusion.png", "regions.png"]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def outcomes(size=300, organisms=ORGANISM_GROUPS, types=6):
    generator = np.random.default_rng(0)
    true = generator.choice(types, size)
    shares = generator.dirichlet(np.full(len(TYPES), 0.3), size) + 2 * np.eye(len(TYPES))[true]
    found = np.where(generator.random(size) < 0.2, 0, true)
    shares += 3 * np.eye(len(TYPES))[found]
    shares /= shares.sum(axis=1, keepdims=True)
    kind = shares.argmax(axis=1)
    site = np.where(true > 0, 20, 0)
    shifted = site + generator.integers(-2, 3, size)
    return Outcomes(
        generator.choice(organisms, size), true, kind, site, np.where(kind > 0, shifted, 0), shares
    )


def drawn(directory, found, resamples=50, **options):
    generator = np.random.default_rng(1)
    regions = {
        name: {"n": generator.poisson(6, 30), "h": generator.poisson(11, 30)}
        | ({"c": generator.poisson(5, 30)} if name in ("SP", "TAT") else {})
        for name in TYPES[1:]
        if (found.type == TYPES.index(name)).any()
    }
    before = reliability(found.probabilities, found.true_type)
    after = reliability(temper(found.probabilities, 1.5), found.true_type)
    names = draw(directory, found, score(found, resamples), regions, before, after, **options)
    assert sorted(names) == sorted(path.name for path in directory.iterdir())
    return {name: (directory / name).read_bytes() for name in names}


def chunks(png):
    """The kinds of a PNG's chunks, each of which is whole; and its width and height."""
    assert png.startswith(SIGNATURE)
    at, kinds = len(SIGNATURE), []
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(body)
        kinds.append(body[:4].decode())
        at += 12 + length
    return kinds, struct.unpack(">II", png[16:24])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    pytest.importorskip("matplotlib")
    return drawn(tmp_path_factory.mktemp("pictures"), outcomes())


@pytest.mark.parametrize("name", ALL)
def test_each_picture_is_a_png_that_fits_a_page(pictures, name):
    kinds, (width, height) = chunks(pictures[name])
    assert width == 1200 and 300 < height < 1500
    assert kinds[0] == "IHDR" and kinds[-1] == "IEND"
    # Neither matplotlib's version nor a time stamp.
    assert "tEXt" not in kinds and "tIME" not in kinds


def test_the_same_input_gives_the_same_bytes(pictures, tmp_path):
    import matplotlib

    settings = {"axes.facecolor": "pink", "font.size": 20}
    with matplotlib.rc_context(settings):
        assert drawn(tmp_path, outcomes()) == pictures
        assert all(matplotlib.rcParams[key] == value for key, value in settings.items())


def test_the_pictures_show_the_data(pictures, tmp_path):
    other = drawn(tmp_path, outcomes(301))
    assert all(other[name] != pictures[name] for name in ALL[:4])


@pytest.mark.parametrize(
    ("found", "left_out"),
    [
        # One class, without an interval.
        (outcomes(60, ["EUKARYA"], 2), []),
        # None of the big classes.
        (outcomes(60, ["ARCHAEA"]), ["cleavage.png"]),
        (outcomes(5, ["EUKARYA"], 1), ["classes.png", "cleavage.png", "regions.png"]),
    ],
)
def test_what_has_nothing_to_show_is_left_out(tmp_path, found, left_out):
    pytest.importorskip("matplotlib")
    assert list(drawn(tmp_path, found, 0)) == [name for name in ALL if name not in left_out]


def test_without_matplotlib(tmp_path, without_matplotlib):
    with pytest.raises(MissingExtraError, match=r"pip install 'peft-sp\[plot\]'"):
        drawn(tmp_path, outcomes(20))


def test_a_directory_that_is_not_there(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(OutputError, match="cannot be written"):
        drawn(tmp_path / "none", outcomes(20))


def test_published_figures_are_drawn_where_asked_for_alone(pictures, tmp_path):
    both = drawn(tmp_path, outcomes(), published=True)
    changed = [name for name in ALL if pictures[name] != both[name]]
    assert changed == ["classes.png", "cleavage.png"]
