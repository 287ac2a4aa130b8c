"""Regular files are read; what waits for ever, never ends or is elsewhere is not."""

from __future__ import annotations

import os
import socket

import pytest

from peft_sp.io.registry.regular import open_regular, read_regular, require_own


def test_a_regular_file_is_read_up_to_its_limit(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    with open_regular(file) as stream:
        assert stream.read() == b"12345"
    assert read_regular(file, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(file, 4)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def test_pipes_devices_sockets_and_directories_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "zero", "folder"):
        with pytest.raises(OSError, match="it is not a regular file"):
            open_regular(tmp_path / name)
        with pytest.raises(OSError, match="it is not a regular file"):
            require_own(tmp_path, tmp_path / name)
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError):
            open_regular(tmp_path / "socket")


def test_a_file_behind_a_link_is_a_models_own_where_it_is_inside_its_directory(tmp_path):
    model, other = tmp_path / "model", tmp_path / "other"
    model.mkdir()
    other.write_text("not the model's")
    (model / "file").write_text("the model's")
    (model / "inside").symlink_to(model / "file")
    (model / "outside").symlink_to(other)
    (tmp_path / "alias").symlink_to(model, target_is_directory=True)
    for directory in (model, tmp_path / "alias"):
        require_own(directory, directory / "file")
        require_own(directory, directory / "inside")
        with pytest.raises(OSError, match="outside the model's directory"):
            require_own(directory, directory / "outside")


def test_a_file_that_says_it_is_large_is_not_read(tmp_path):
    """A file without content may have any size."""
    file = tmp_path / "large"
    with open(file, "wb") as stream:
        stream.truncate(60 * 10**9)
    with pytest.raises(OSError, match="larger than 2,147,483,648 bytes"):
        read_regular(file, 2**31)
