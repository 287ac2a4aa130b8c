import pytest

from peft_sp.errors import OutputError
from peft_sp.io.output import OutputFiles


def test_files_appear_together_when_whole(tmp_path):
    place = tmp_path / "new" / "deeper"
    with OutputFiles(place) as files:
        files.open("a.txt").write("a")
        files.open("b.txt").write("b")
        assert not (place / "a.txt").exists()
    assert {p.name: p.read_text() for p in place.iterdir()} == {"a.txt": "a", "b.txt": "b"}


def test_nothing_is_left_of_a_run_that_failed(tmp_path):
    with pytest.raises(RuntimeError), OutputFiles(tmp_path / "new" / "deeper") as files:
        files.open("a.txt").write("a")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_two_runs_into_one_directory_do_not_disturb_each_other(tmp_path):
    with OutputFiles(tmp_path) as first:
        file = first.open("a.txt")
        file.write("first " * 10_000)
        with OutputFiles(tmp_path) as second:
            second.open("a.txt").write("second")
        assert (tmp_path / "a.txt").read_text() == "second"
        file.write("first")
    assert (tmp_path / "a.txt").read_text() == "first " * 10_000 + "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_earlier_results_survive_a_run_that_failed(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(KeyboardInterrupt), OutputFiles(tmp_path) as files:
        files.open("a.txt").write("a")
        raise KeyboardInterrupt
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "before")]


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), OutputFiles(tmp_path / "file"):
        pass


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="No space left"), OutputFiles(tmp_path / "x") as files:
        files.open("a.txt")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
