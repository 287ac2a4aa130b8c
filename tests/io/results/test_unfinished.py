"""The folder of an unfinished run: what is in it of runs, and what of others."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results.journal import FORMAT
from peft_sp.io.results.protection import EARLIER, RECORD, UNFINISHED, Protection
from peft_sp.io.results.run_directory import RunDirectory
from peft_sp.io.results.unfinished import JOURNAL, NAMES, UnfinishedFolder
from tests.support.stopped_runs import AT_ONCE, SAME, contents, names, stopped


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


def test_a_run_of_an_earlier_version_is_told_from_files_of_others(folder):
    (folder.path / NAMES).unlink()
    message = "an unfinished run of an earlier version .* remove it to start anew, or choose"
    with pytest.raises(OutputError, match=message):
        folder.refuse_foreign()
    folder.journal.unlink()
    with pytest.raises(OutputError, match=r"a\.txt: was not written by this program"):
        folder.refuse_foreign()
    assert (folder.path / "a.txt").exists()


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


OBSTACLES = {
    "another organism (there none, now eukarya)": lambda journal: None,
    "of another version of this program": lambda journal: _write_format(journal, 1),
    "journal: damaged": lambda journal: journal.write_bytes(b"half"),
    "a.txt: damaged": lambda journal: journal.with_name("a.txt").unlink(),
}


def _write_format(journal, number):
    text = journal.read_bytes().partition(b"\n")[2].rstrip()
    text = text.replace(b'{"format":%d' % FORMAT, b'{"format":%d' % number)
    journal.write_bytes(blake2b(text, digest_size=16).hexdigest().encode() + b"\n" + text)


@pytest.mark.parametrize("problem", OBSTACLES)
def test_a_run_that_cannot_be_continued_is_discarded_if_asked_for(tmp_path, problem):
    stopped(tmp_path)
    OBSTACLES[problem](tmp_path / UNFINISHED / JOURNAL)
    identity = {**SAME, "organism": "eukarya"} if "organism" in problem else SAME
    with pytest.raises(OutputError, match="anew"):
        RunDirectory(tmp_path, identity, resume=True).__enter__()
    loss = "its 2 proteins are" if "organism" in problem else "the unfinished run there is"
    with RunDirectory(tmp_path, identity, "if possible") as files:
        assert not files.resumed and files.done == 0
        assert files.restarted.endswith(f"{problem}; {loss} discarded, and the run starts anew")
        files.open("a.txt").write("row 1\n")
    assert contents(tmp_path) == {"a.txt": "row 1\n"}


OTHER = {**SAME, "organism": "eukarya"}


def test_a_run_that_is_to_be_discarded_stays_until_the_new_one_can_be_continued(tmp_path):
    stopped(tmp_path)
    with (
        pytest.raises(OutputError, match="cannot be written") as caught,
        RunDirectory(tmp_path, OTHER, "if possible") as files,
    ):
        files.open("a.txt").write("new")
        raise OSError(28, "No space left on device")
    assert "; make room, or choose another with -o" in str(caught.value)
    with pytest.raises(KeyboardInterrupt) as stop, RunDirectory(tmp_path, OTHER, "if possible"):
        raise KeyboardInterrupt
    assert stop.value.__notes__ == ["the unfinished run there is kept"]
    assert names(tmp_path) == {UNFINISHED}
    with RunDirectory(tmp_path, SAME, True) as files:
        assert files.done == 2 and not files.restarted
        with pytest.raises(OutputError, match="another run is writing here"):
            RunDirectory(tmp_path, OTHER, "if possible").__enter__()
        assert names(tmp_path) == {UNFINISHED}, "what another process writes is not touched"
        files.open("a.txt")
    assert (tmp_path / "a.txt").read_text() == "row 1\nrow 2\n"


@pytest.mark.parametrize("marked", [False, True])
def test_of_two_unfinished_runs_the_new_one_counts_once_it_has_a_journal(tmp_path, marked):
    """As a kill leaves them, before or behind the first mark."""
    stopped(tmp_path)
    files = RunDirectory(tmp_path, OTHER, "if possible", **AT_ONCE)
    files.__enter__()
    files.open("a.txt").write("new")
    assert names(tmp_path) == {UNFINISHED, EARLIER}
    earlier = {p.name: p.read_bytes() for p in (tmp_path / EARLIER).iterdir()}
    if marked:
        files.mark(1, dict)
        assert names(tmp_path) == {UNFINISHED}
        (tmp_path / EARLIER).mkdir()
        for name, content in earlier.items():
            (tmp_path / EARLIER / name).write_bytes(content)
    files._lock.close()
    with pytest.raises(OutputError, match="an unfinished run is here") as caught:
        RunDirectory(tmp_path, SAME).__enter__()
    assert f"({'1 protein' if marked else '2 proteins'} done)" in str(caught.value)
    assert names(tmp_path) == {UNFINISHED}
    with RunDirectory(tmp_path, OTHER if marked else SAME, True) as again:
        assert again.done == (1 if marked else 2)


def test_nothing_is_discarded_where_the_new_run_is_refused(tmp_path):
    own = Protection(tmp_path, ("a.txt",))
    stopped(tmp_path)
    notes = tmp_path / UNFINISHED / "notes.txt"
    notes.write_text("mine")
    (tmp_path / UNFINISHED / "names").write_text("a.txt")
    before = {p.name: p.read_bytes() for p in notes.parent.iterdir()}
    with pytest.raises(OutputError, match=r"notes.txt: was not written by this program"):
        RunDirectory(tmp_path, OTHER, "if possible", protection=own).__enter__()
    assert {p.name: p.read_bytes() for p in notes.parent.iterdir()} == before
    with RunDirectory(tmp_path, SAME, "if possible", protection=own) as files:
        assert files.done == 2
    assert notes.read_text() == "mine"


def test_what_others_put_beside_an_unfinished_run_stays(tmp_path):
    place = tmp_path / UNFINISHED
    own = Protection(tmp_path, ("a.txt", "plots/*.svg"))
    with pytest.raises(KeyboardInterrupt), RunDirectory(tmp_path, SAME, protection=own) as files:
        files.open("a.txt").write("a")
        (files.folder("plots") / "p.svg").write_text("p")
        (place / "notes.txt").write_text("mine")
        (place / "plots" / "notes.txt").write_text("mine, too")
        raise KeyboardInterrupt
    mine = {path.relative_to(place).as_posix() for path in place.rglob("*.*")}
    assert mine == {"notes.txt", "plots/notes.txt"}
    message = r"notes.txt: was not written by this program, but stands where"
    with pytest.raises(OutputError, match=message), RunDirectory(tmp_path, SAME, protection=own):
        pass
    (place / "notes.txt").rename(tmp_path / "notes.txt")
    (place / "plots" / "notes.txt").unlink()
    with RunDirectory(tmp_path, SAME, protection=own) as files:
        files.open("a.txt").write("a")
        (place / "more.txt").write_text("put there while it ran")
    assert names(tmp_path) == {"a.txt", "notes.txt", UNFINISHED}
    assert (place / "more.txt").read_text() == "put there while it ran"


def test_the_folder_of_an_unfinished_run_that_others_made_is_left_alone(tmp_path):
    place = tmp_path / UNFINISHED
    place.mkdir()
    (place / "a.txt").write_text("mine")
    for resume in (False, True):
        with (
            pytest.raises(OutputError, match=r"a.txt: was not written by this program"),
            RunDirectory(tmp_path, SAME, resume),
        ):
            pass
    assert (place / "a.txt").read_text() == "mine"
    (place / "a.txt").unlink()
    with RunDirectory(tmp_path, SAME) as files:  # an empty one holds nothing to lose
        files.open("a.txt").write("a")
    assert contents(tmp_path) == {"a.txt": "a"}


def test_what_a_kill_left_before_the_first_mark_gives_way(tmp_path):
    files = RunDirectory(tmp_path, SAME, protection=Protection(tmp_path, ("a.txt", "b.txt")))
    files.__enter__()
    files.open("a.txt").write("killed")
    files._lock.close()
    with RunDirectory(tmp_path, SAME, protection=Protection(tmp_path, ("b.txt",))) as again:
        again.open("b.txt").write("b")
    assert contents(tmp_path) == {"b.txt": "b"}


def test_what_a_kill_left_half_moved_is_ours(tmp_path):
    """A new run looks for files of others before it continues with the moving."""
    for text in ("before", "after"):
        for name in ("a.txt", "b.txt"):
            (tmp_path / name).write_text("before")
        Protection(tmp_path).record(["a.txt", "b.txt"], tmp_path)
        (tmp_path / "c.txt").mkdir()
        with (
            pytest.raises(OutputError, match="is a directory"),
            RunDirectory(tmp_path, SAME) as files,
        ):
            for name in ("a.txt", "b.txt", "c.txt"):
                files.open(name).write(f"{text}, new")
            files.complete(1, {})
        (tmp_path / "c.txt").rmdir()
        (tmp_path / UNFINISHED / "a.txt").rename(tmp_path / "a.txt")
        Protection(tmp_path, ("a.txt", "b.txt", "c.txt")).check()
        with RunDirectory(tmp_path, SAME, resume=True) as again:
            assert again.whole
        assert contents(tmp_path) == dict.fromkeys(("a.txt", "b.txt", "c.txt"), f"{text}, new")
        (tmp_path / "c.txt").unlink()


LINKS = {
    "the folder": lambda own, real: (own.rename(real / "run"), own.symlink_to(real / "run")),
    "a file": lambda own, real: (
        (own / "a.txt").rename(real / "a.txt"),
        (own / "a.txt").symlink_to(real / "a.txt"),
    ),
    "a folder in it": lambda own, real: (own / "plots").symlink_to(real),
}


@pytest.mark.parametrize("resume", [True, "if possible"])
@pytest.mark.parametrize("case", LINKS)
def test_an_unfinished_run_behind_a_link_is_neither_continued_nor_removed(case, resume, tmp_path):
    """What it leads to may be anything: results would be cut, written or deleted there."""
    out, real = tmp_path / "out", tmp_path / "real"
    real.mkdir()
    stopped(out)
    LINKS[case](out / UNFINISHED, real)
    before = {path: path.read_bytes() for path in real.rglob("*") if path.is_file()}
    for identity in (SAME, OTHER):
        with (
            pytest.raises(OutputError, match=r"was not written by this program, but stands where"),
            RunDirectory(out, identity, resume),
        ):
            pass
    assert {path: path.read_bytes() for path in real.rglob("*") if path.is_file()} == before


def test_a_folder_of_results_that_is_a_link_is_refused_before_any_work_and_at_the_end(tmp_path):
    out, real = tmp_path / "out", tmp_path / "real"
    out.mkdir(), real.mkdir()
    own = Protection(out, ("a.txt", "plots/*.svg"))
    with pytest.raises(OutputError, match="plots: is a link"), RunDirectory(out, SAME) as files:
        (files.folder("plots") / "a.svg").write_text("a")
        (out / "plots").symlink_to(real, target_is_directory=True)
        files.complete(1, {})
    with pytest.raises(OutputError, match=r"plots: is a link, where a folder of results"):
        own.check()
    assert list(real.iterdir()) == []
