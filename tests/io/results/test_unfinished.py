"""The folder of an unfinished run: what is in it of runs, and what of others."""

from __future__ import annotations

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results.protection import RECORD, UNFINISHED, Protection
from peft_sp.io.results.unfinished import JOURNAL, NAMES, UnfinishedFolder


@pytest.fixture
def folder(tmp_path):
    own = Protection(tmp_path, ("a.txt", "plots/*.svg"), option="--output_dir")
    found = UnfinishedFolder(tmp_path / UNFINISHED, own)
    found.make()
    (found.path / "plots").mkdir()
    for name in ("a.txt", "plots/p.svg", JOURNAL, "plots/.peft-sp-half"):
        (found.path / name).write_text(name)
    return found


def test_what_a_run_wrote_is_removed_with_the_folder(folder):
    folder.refuse_foreign()
    assert folder.is_there and folder.was_made_here
    folder.clear()
    assert not folder.is_there and not folder.was_made_here
    folder.refuse_foreign()


@pytest.mark.parametrize("name", ["notes.txt", "plots/a.txt", "plots/names", "b.svg"])
def test_what_others_put_there_is_refused_and_stays(folder, name):
    (folder.path / name).write_text("mine")
    message = f"{name}: was not written by this program, .* choose another with --output_dir"
    with pytest.raises(OutputError, match=message):
        folder.refuse_foreign()
    folder.clear()
    left = [path.relative_to(folder.path).as_posix() for path in folder.files()]
    assert set(left) - {JOURNAL, NAMES} == {name}


@pytest.mark.parametrize("kind", ["file", "link", "link to nothing"])
def test_what_is_no_folder_is_refused(tmp_path, kind):
    place = UnfinishedFolder(tmp_path / UNFINISHED, Protection(tmp_path))
    if kind == "file":
        place.path.write_text("mine")
    else:
        (tmp_path / "there").mkdir()
        place.path.symlink_to(tmp_path / ("there" if kind == "link" else "gone"))
    with pytest.raises(OutputError, match=f"{UNFINISHED}: was not written by this program"):
        place.refuse_foreign()


def test_the_record_of_a_run_that_was_killed_beside_it_is_its_own(folder):
    (folder.path / JOURNAL).unlink()
    (folder.path / RECORD).write_text(f"{'0' * 64}  a.txt\n")
    folder.refuse_foreign()
    folder.clear()
    assert not folder.is_there
    folder.path.mkdir()
    (folder.path / RECORD).write_text("mine, where no run has been")
    with pytest.raises(OutputError, match="was not written by this program"):
        folder.refuse_foreign()
    folder.clear()
    assert (folder.path / RECORD).is_file()


@pytest.mark.parametrize("names", ["*\n*/*", "mine.txt"])
def test_names_that_a_run_does_not_have_make_nothing_its_own(tmp_path, names):
    """Whoever can leave a list of names there could have any file removed."""
    own = Protection(tmp_path, ("a.txt",), known=("a.txt", "plots/*.svg"))
    place = UnfinishedFolder(tmp_path / UNFINISHED, own)
    place.make()
    (place.path / NAMES).write_text(names)
    (place.path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"mine.txt: was not written by this program"):
        place.refuse_foreign()
    place.clear()
    assert (place.path / "mine.txt").read_text() == "mine"
