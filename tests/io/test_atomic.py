"""Files and directories that appear whole, with everyone's permissions, and the lock."""

import os
import stat
import subprocess
import sys
import time

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.atomic import (
    EXECUTABLE,
    PLAIN,
    locked,
    publish,
    replace_file,
    staging,
    write_bytes,
    write_text,
)


@pytest.fixture
def mask():
    """A umask that no default gives by chance."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("permissions", [PLAIN, EXECUTABLE])
def test_a_file_is_replaced_whole_with_permissions_by_the_umask(tmp_path, mask, permissions):
    path = tmp_path / "a.txt"
    path.write_text("before")
    write_text(path, "é\n", permissions)
    assert path.read_bytes() == "é\n".encode()
    assert mode(path) == permissions & ~mask
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "a", tmp_path / "folder"):
        with pytest.raises(OutputError, match=f"{path}: cannot be written"):
            write_bytes(path, b"a")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_stop_between_writing_and_renaming_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(tmp_path), "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "a", b"a")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_appears_whole_with_permissions_by_the_umask(tmp_path, mask):
    target = tmp_path / "new" / "model"
    with staging(target) as folder:
        (folder / "deeper").mkdir()
        (folder / "deeper" / "a").write_text("a")
        (folder / "deeper" / "a").chmod(0o600)
        assert not target.exists() and folder.parent == target.parent
        publish(folder, target)
    assert [p.name for p in target.parent.iterdir()] == ["model"]
    assert mode(target) == mode(target / "deeper") == 0o777 & ~mask
    assert mode(target / "deeper" / "a") == 0o666 & ~mask


def test_an_empty_directory_gives_way_and_a_full_one_does_not(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    for content in ("first", "second"):
        try:
            with staging(target, "choose another with -o") as folder:
                (folder / "a").write_text(content)
                publish(folder, target)
        except OutputError as error:
            assert content == "second"
            assert str(error).endswith("; choose another with -o")
    assert (target / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_what_was_prepared_is_gone_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), staging(tmp_path / "model") as folder:
        (folder / "a").write_text("a")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_lock_has_one_holder_and_leaves_nothing(tmp_path):
    with locked(tmp_path, "busy"):
        with pytest.raises(OutputError, match="busy"), locked(tmp_path, "busy"):
            pass
        assert list(tmp_path.iterdir()) == []
    with locked(tmp_path, "busy"):
        pass


def test_a_lock_ends_with_the_process_that_held_it(tmp_path):
    code = (
        "import sys, time, pathlib\n"
        "from peft_sp.io.atomic import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), 'busy'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="busy"), locked(tmp_path, "busy"):
            pass
        process.kill()
        process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with locked(tmp_path, "busy"):
                return
        except OutputError:
            time.sleep(0.05)
    pytest.fail("the lock outlived its process")


def test_a_file_system_without_locks_has_none(tmp_path, monkeypatch):
    import fcntl

    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with locked(tmp_path, "busy"), locked(tmp_path, "busy"):
        (tmp_path / "a").write_text("a")


def test_an_error_inside_a_lock_passes_through(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path, "busy"):
        (tmp_path / "none").read_text()
