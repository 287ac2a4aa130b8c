import json
import zlib

import pytest

import peft_sp
from peft_sp.errors import InputError
from peft_sp.io.plotting import protein
from peft_sp.io.plotting.curves import curves
from peft_sp.io.plotting.shapes import plain
from peft_sp.io.plotting.summary import blocks
from peft_sp.io.plotting.summary.page import SummaryWriter
from peft_sp.io.results.run_info import RunInfo


@pytest.fixture(scope="module")
def predictions(labelled):
    proteins = [(one.accession, one.sequence) for one in labelled[:20]]
    return list(peft_sp.load("fast", threads=1).predict(proteins, marginals=True))


@pytest.fixture
def written(predictions, tmp_path):
    """A page of 20 proteins in blocks of 8, whose last block is not full."""
    path = tmp_path / "summary.html"
    with path.open("w", encoding="utf-8") as file:
        run = RunInfo("PEFT-SP-1", "fast", "other", 0, "\u03b2.faa")
        writer = SummaryWriter(file, run, block=8)
        for prediction in predictions:
            writer.write(prediction)
        writer.finish()
    return path


def test_the_blocks_of_a_written_page_are_found_and_are_what_was_packed(written, predictions):
    index = blocks.read_index(written)
    assert index.proteins == (8, 8, 4)
    frames = index.read_frames()
    for number, first in enumerate((0, 8, 16)):
        own = predictions[first : first + 8]
        packed, keys = blocks.profiles(own)
        assert index.read("curves", number) == packed
        rows = json.loads(zlib.decompress(index.read("rows", number)))
        assert rows["header"] == [p.protein.header for p in own]
        assert [frames[n] for n in rows["frame"]] == [plain(protein.frame(*key)) for key in keys]
        assert index.read("rows", number) == blocks.rows(own, rows["frame"])
    for number in (0, 7, 8, 19):
        own = predictions[number].protein
        assert index.protein(number) == (own.header, own.window)
    for wrong in (-1, 20):
        with pytest.raises(IndexError):
            index.protein(wrong)
    for wrong in (-1, 3):
        with pytest.raises(IndexError):
            index.read("rows", wrong)


def test_other_files_have_no_blocks(written, tmp_path):
    text = written.read_text(encoding="utf-8")
    other = tmp_path / "other.html"
    for content in ("", "<!doctype html>\n", text.split('class="frames"')[0]):
        other.write_text(content)
        with pytest.raises(InputError, match=r"other\.html is no summary page"):
            blocks.read_index(other)


def test_frame_keys_are_those_of_the_pictures(predictions):
    _, keys = blocks.profiles(predictions)
    scenes = [protein.scene(p)[0] for p in predictions]
    assert [protein.frame(*key) for key in keys] == scenes
    assert keys == [blocks.frame_key(curves(p.marginals.regions)) for p in predictions]
