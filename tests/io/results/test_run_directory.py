import os
import stat
from hashlib import blake2b
from pathlib import Path

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results import run_directory as module
from peft_sp.io.results.journal import FORMAT, Journal
from peft_sp.io.results.protection import EARLIER, RECORD, UNFINISHED, Protection
from peft_sp.io.results.run_directory import RunDirectory, refuse_unfinished
from peft_sp.io.results.unfinished import JOURNAL

SAME = {"input": "three letters"}


def names(folder):
    """What stands in a folder, but for the record of what was written."""
    return {path.name for path in folder.iterdir()} - {RECORD}


def contents(folder):
    """Their texts."""
    return {name: (folder / name).read_text() for name in names(folder)}


AT_ONCE = {"interval": 0, "share": 1e9}
"""Every mark is recorded."""


def stopped(place):
    """A run that is stopped behind its second mark, with more written than was marked."""
    with pytest.raises(KeyboardInterrupt) as caught, RunDirectory(place, SAME, **AT_ONCE) as files:
        table = files.open("a.txt")
        for number in (1, 2):
            table.write(f"row {number}\n")
            files.mark(number, lambda number=number: {"sum": number})
        table.write("row 3, which is")
        table.flush()
        raise KeyboardInterrupt
    return caught.value


def test_files_appear_together_when_whole(tmp_path):
    place = tmp_path / "new" / "deeper"
    with RunDirectory(place) as files:
        files.open("a.txt").write("a")
        files.open("b.txt").write("b")
        assert not (place / "a.txt").exists()
    assert contents(place) == {"a.txt": "a", "b.txt": "b"}


def test_nothing_is_left_of_a_run_that_failed(tmp_path):
    with pytest.raises(RuntimeError), RunDirectory(tmp_path / "new" / "deeper") as files:
        files.open("a.txt").write("a")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_two_runs_into_one_directory_do_not_disturb_each_other(tmp_path):
    with RunDirectory(tmp_path, SAME, **AT_ONCE) as first:
        file = first.open("a.txt")
        file.write("first " * 10_000)
        for marked in (False, True):
            if marked:
                first.mark(1, dict)
            for resume in (False, True):
                with (
                    pytest.raises(OutputError, match="another run is writing here"),
                    RunDirectory(tmp_path, SAME, resume),
                ):
                    pass
        with pytest.raises(OutputError, match="another run is writing here"):
            refuse_unfinished(tmp_path)
        file.write("first")
    assert (tmp_path / "a.txt").read_text() == "first " * 10_000 + "first"
    assert names(tmp_path) == {"a.txt"}
    with RunDirectory(tmp_path) as second:  # the first has let go
        second.open("a.txt").write("second")
    assert (tmp_path / "a.txt").read_text() == "second"


def test_earlier_results_survive_a_run_that_failed(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(KeyboardInterrupt), RunDirectory(tmp_path) as files:
        files.open("a.txt").write("a")
        raise KeyboardInterrupt
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "before")]


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper"):
        message = f"{tmp_path / 'file'}: is a file, not a directory; choose another with -o"
        with pytest.raises(OutputError, match=message):
            Protection(path).check()
        with pytest.raises(OutputError, match=message), RunDirectory(path):
            pass
    with pytest.raises(OutputError, match=f"{os.devnull}: is not a directory; choose"):
        Protection(Path(os.devnull)).check()


def test_a_full_disk_is_one_line(tmp_path):
    message = r"No space left on device\); make room, or choose another with -o"
    with pytest.raises(OutputError, match=message), RunDirectory(tmp_path / "x") as files:
        files.open("a.txt")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_files_that_the_caller_writes_appear_with_the_others(tmp_path):
    with RunDirectory(tmp_path / "x") as files:
        files.open("a.txt").write("a")
        for number in range(2000):  # more than may be open at once
            files.path(f"{number}.txt").write_text("b")
        assert not (tmp_path / "x" / "7.txt").exists()
    assert len(names(tmp_path / "x")) == 2001
    assert (tmp_path / "x" / "7.txt").read_text() == "b"


def test_nothing_is_left_of_files_that_the_caller_wrote(tmp_path):
    with pytest.raises(RuntimeError), RunDirectory(tmp_path / "x") as files:
        files.path("a.txt").write_text("a")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_never_written_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"), RunDirectory(tmp_path) as files:
        files.path("a.txt")


def test_a_stopped_run_is_resumed(tmp_path):
    error = stopped(tmp_path)
    assert error.__notes__ == ["2 proteins are done; the same command with --resume continues"]
    assert [p.name for p in tmp_path.iterdir()] == [UNFINISHED]
    with RunDirectory(tmp_path, SAME, resume=True) as files:
        assert files.resumed and not files.whole
        assert (files.done, files.state) == (2, {"sum": 2})
        files.open("a.txt").write("row 3\n")
        files.open("new.txt").write("new\n")
        files.complete(3, {"sum": 3})
    assert names(tmp_path) == {"a.txt", "new.txt"}
    assert (tmp_path / "a.txt").read_text() == "row 1\nrow 2\nrow 3\n"


def test_a_run_that_fails_again_keeps_what_was_done(tmp_path):
    stopped(tmp_path)
    message = r"No space left on device\); 2 proteins are done; the same command with --resume"
    with pytest.raises(OutputError, match=message), RunDirectory(tmp_path, SAME, True) as files:
        files.open("a.txt").write("row 3")
        raise OSError(28, "No space left on device")
    with RunDirectory(tmp_path, SAME, resume=True) as files:
        files.open("a.txt")
    assert (tmp_path / "a.txt").read_text() == "row 1\nrow 2\n"


def test_an_unfinished_run_is_not_overwritten(tmp_path):
    stopped(tmp_path)
    message = r"an unfinished run is here \(2 proteins done\); pass --resume .*, or remove "
    for attempt in (lambda: refuse_unfinished(tmp_path), RunDirectory(tmp_path, SAME).__enter__):
        with pytest.raises(OutputError, match=message):
            attempt()
    other = {**SAME, "organism": "eukarya"}
    message = r"has another organism \(there none, now eukarya\); give what it was started with"
    with pytest.raises(OutputError, match=message):
        RunDirectory(tmp_path, other, resume=True).__enter__()
    assert Journal.read(tmp_path / UNFINISHED / JOURNAL).done == 2


def test_a_run_is_continued_if_possible(tmp_path):
    stopped(tmp_path)
    with (
        pytest.raises(OutputError, match="2 proteins are done; the same command continues"),
        RunDirectory(tmp_path, SAME, "if possible") as files,
    ):
        assert files.resumed and files.done == 2 and not files.restarted
        raise OSError(28, "No space left on device")
    with RunDirectory(tmp_path, SAME, "if possible") as files:
        files.open("a.txt").write("row 3\n")
    assert (tmp_path / "a.txt").read_text() == "row 1\nrow 2\nrow 3\n"


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
    assert f"({1 if marked else 2} proteins done)" in str(caught.value)
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


def test_results_of_proteins_that_are_no_longer_there_go(tmp_path):
    """But nothing that was changed, and nothing of another command."""
    own = Protection(tmp_path, ("a.txt", "plots/*.svg"))
    with RunDirectory(tmp_path, protection=Protection(tmp_path, ("c.txt",))) as files:
        files.open("c.txt").write("of another command")
    for chosen in ("pqrs", "pt"):
        with RunDirectory(tmp_path, protection=own) as files:
            files.open("a.txt").write(chosen)
            for letter in chosen:
                files.path(f"plots/{letter}.svg").write_text(letter)
            if chosen == "pt":
                (tmp_path / "plots" / "s.svg").write_text("edited")
                (tmp_path / "plots" / "z.svg").write_text("mine")
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {
        *("p.svg", "t.svg"),
        *("s.svg", "z.svg"),
    }
    recorded = [line.split()[1] for line in (tmp_path / RECORD).read_text().splitlines()]
    assert recorded == ["a.txt", "c.txt", "plots/p.svg", "plots/t.svg"]


def test_a_kill_while_former_results_are_removed_changes_nothing(tmp_path):
    own = Protection(tmp_path, ("*.svg",))
    with RunDirectory(tmp_path, protection=own) as files:
        for letter in "pqr":
            files.path(f"{letter}.svg").write_text(letter)
    (tmp_path / "t.svg").mkdir()  # in the way: the files are whole, and none is moved
    with (
        pytest.raises(OutputError, match="is a directory"),
        RunDirectory(tmp_path, SAME, protection=own) as files,
    ):
        files.path("t.svg").write_text("t")
    assert names(tmp_path) == {"p.svg", "q.svg", "r.svg", "t.svg", UNFINISHED}
    (tmp_path / "t.svg").rmdir()
    (tmp_path / "q.svg").unlink()
    with RunDirectory(tmp_path, SAME, True, protection=own) as files:
        assert files.whole
    assert names(tmp_path) == {"t.svg"}


def test_files_of_their_own_go_along(tmp_path):
    """Such as pictures: in folders, and written anew by a run that is gone on with."""
    with pytest.raises(KeyboardInterrupt), RunDirectory(tmp_path, SAME, **AT_ONCE) as files:
        for number in (1, 2):
            files.path(f"pictures/{number}.svg").write_text(f"picture {number}, first")
            if number == 1:
                files.mark(1, dict)
        raise KeyboardInterrupt
    with RunDirectory(tmp_path, SAME, resume=True) as files:
        files.path("pictures/2.svg").write_text("picture 2")
    pictures = {p.name: p.read_text() for p in (tmp_path / "pictures").iterdir()}
    assert pictures == {"1.svg": "picture 1, first", "2.svg": "picture 2"}
    assert names(tmp_path) == {"pictures"}


def test_a_file_that_cannot_be_put_in_place_can_be_later(tmp_path):
    (tmp_path / "b.txt").mkdir()
    message = r"b.txt: is a directory, where a file is to be written"
    with pytest.raises(OutputError, match=message) as caught, RunDirectory(tmp_path, SAME) as files:
        for name in ("a.txt", "b.txt", "c.txt"):
            files.open(name).write(name)
        files.complete(7, {"sum": 7})
    assert caught.value.__notes__ == [
        "7 proteins are done; the same command with --resume continues"
    ]
    assert names(tmp_path) == {"b.txt", UNFINISHED}, "nothing was moved"
    (tmp_path / "b.txt").rmdir()
    with RunDirectory(tmp_path, SAME, resume=True) as files:
        assert files.whole and files.done == 7 and files.state == {"sum": 7}
    assert contents(tmp_path) == {name: name for name in ("a.txt", "b.txt", "c.txt")}


def test_marks_wait_for_their_time(tmp_path):
    asked = []
    with RunDirectory(tmp_path, SAME) as files:
        for number in range(100):
            files.mark(number, lambda: asked.append(1) or {})
        assert not (tmp_path / UNFINISHED / JOURNAL).exists()
    assert asked == []


def test_data_are_on_disk_before_the_journal_that_counts_on_them(tmp_path, monkeypatch):
    """Every file is synced, then the journal's content, then its name."""
    events, sync, replace = [], os.fsync, type(tmp_path).replace

    def watched_sync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        events.append(("sync", kind, os.fstat(descriptor).st_size if kind == "file" else 0))
        sync(descriptor)

    def watched_replace(path, target):
        events.append(("replace", target.name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(type(tmp_path), "replace", watched_replace)
    with RunDirectory(tmp_path, SAME, **AT_ONCE) as files:
        events.clear()
        files.open("a.txt").write("12345")
        files.mark(1, dict)
        size = (tmp_path / UNFINISHED / JOURNAL).stat().st_size
        expected = [("sync", "file", 5), ("sync", "file", size), ("replace", JOURNAL)]
        assert events == [*expected, ("sync", "folder", 0)]
        events.clear()
    assert [event[:2] for event in events] == [
        ("sync", "file"),
        ("sync", "file"),
        ("sync", "file"),
        ("replace", JOURNAL),
        ("sync", "folder"),
        ("replace", "a.txt"),
        ("replace", RECORD),
        ("sync", "folder"),
    ]


def test_a_folder_joins_what_stands_there(tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "own.txt").write_text("mine")
    (tmp_path / "plots" / "a.txt").write_text("before")
    with RunDirectory(tmp_path, protection=Protection(tmp_path, force=True)) as files:
        (files.folder("plots") / "a.txt").write_text("a")
        (files.folder("plots") / "b.txt").write_text("b")
        assert (tmp_path / "plots" / "a.txt").read_text() == "before"
    assert {p.name: p.read_text() for p in (tmp_path / "plots").iterdir()} == {
        "own.txt": "mine",
        "a.txt": "a",
        "b.txt": "b",
    }
    assert names(tmp_path) == {"plots"}


def test_a_file_where_a_folder_should_be_is_said_before_any_work(tmp_path):
    (tmp_path / "plots").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"), RunDirectory(tmp_path) as files:
        files.open("a.txt").write("a")
        files.folder("plots")
    assert [p.name for p in tmp_path.iterdir()] == ["plots"]


def test_a_file_that_comes_in_the_way_of_a_folder_later(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"), RunDirectory(tmp_path) as files:
        (files.folder("plots") / "a.txt").write_text("a")
        (tmp_path / "plots").write_text("a file")
    (tmp_path / "plots").unlink()
    with RunDirectory(tmp_path, resume=True) as files:
        assert files.whole
    assert (tmp_path / "plots" / "a.txt").read_text() == "a"


def test_what_stands_in_a_folder_is_on_disk_before_the_journal_counts_on_it(tmp_path, monkeypatch):
    seen = []
    write = module.Journal.write
    monkeypatch.setattr(module.os, "sync", lambda: seen.append("sync"))
    monkeypatch.setattr(
        module.Journal, "write", lambda own, path: (seen.append("journal"), write(own, path))[1]
    )
    with RunDirectory(tmp_path, SAME, **AT_ONCE) as files:
        (files.folder("plots") / "a.txt").write_text("a")
        files.mark(1, dict)
    assert seen == ["sync", "journal", "sync", "journal"]
    assert (tmp_path / "plots" / "a.txt").read_text() == "a"


def test_files_of_others_are_replaced_only_by_force(tmp_path):
    """All are looked at before one is moved, and what was computed is kept."""
    (tmp_path / "b.txt").write_text("of others")
    message = r"b.txt: was not written by this program.*pass --force"
    with pytest.raises(OutputError, match=message), RunDirectory(tmp_path, SAME) as files:
        for name in ("a.txt", "b.txt"):
            files.open(name).write("new")
        files.complete(1, {})
    assert names(tmp_path) == {"b.txt", UNFINISHED}
    assert (tmp_path / "b.txt").read_text() == "of others"
    with pytest.raises(OutputError, match=message), RunDirectory(tmp_path, SAME, resume=True):
        pass
    force = Protection(tmp_path, force=True)
    with RunDirectory(tmp_path, SAME, resume=True, protection=force) as files:
        assert files.whole
    assert contents(tmp_path) == {"a.txt": "new", "b.txt": "new"}


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
