import os
import stat
from pathlib import Path

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results import run_directory as module
from peft_sp.io.results.journal import Journal
from peft_sp.io.results.protection import RECORD, UNFINISHED, Protection
from peft_sp.io.results.run_directory import RunDirectory, refuse_unfinished
from peft_sp.io.results.unfinished import JOURNAL
from tests.support.stopped_runs import AT_ONCE, SAME, contents, names, stopped


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
        assert (files.done, files.earlier) == (2, {"sum": 2})
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
        assert files.whole and files.done == 7 and files.earlier == {"sum": 7}
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
