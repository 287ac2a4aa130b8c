"""Files that are meant by folders, patterns and addresses."""

import os

import pytest

from peft_sp.errors import InputError
from peft_sp.io.shards.addresses import expanded, is_address, open_binary, size


@pytest.fixture
def folder(tmp_path):
    for name in ("b.faa", "a.fasta.gz", "c.txt", "d.FA.zst"):
        (tmp_path / name).write_bytes(b">a\nMKA\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "e.faa").write_bytes(b">e\nMKA\n")
    return tmp_path


def test_a_folder_stands_for_its_fasta_files_by_name(folder):
    found = expanded([str(folder)])
    assert [name.rsplit("/", 1)[1] for name in found] == ["a.fasta.gz", "b.faa", "d.FA.zst"]
    with pytest.raises(InputError, match="the folder has no FASTA files"):
        (folder / "empty").mkdir()
        expanded([str(folder / "empty")])


def test_a_pattern_stands_for_the_files_that_fit(folder):
    assert expanded([f"{folder}/*.faa"]) == [f"{folder}/b.faa"]
    assert expanded([f"{folder}/**/*.faa"]) == [f"{folder}/b.faa", f"{folder}/inner/e.faa"]
    with pytest.raises(InputError, match="no file fits this pattern"):
        expanded([f"{folder}/*.xyz"])


def test_a_file_is_named_once(folder):
    with pytest.raises(InputError, match="given twice"):
        expanded([f"{folder}/b.faa", str(folder)])
    (folder / "link.faa").symlink_to("b.faa")
    for other in ("inner/../b.faa", "link.faa"):
        with pytest.raises(InputError, match="given twice"):
            expanded([f"{folder}/b.faa", f"{folder}/{other}"])


def test_a_pipe_is_no_input(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe, which cannot be read in parts; save it as a file"):
        size(str(tmp_path / "pipe"))


def test_an_address_is_read_as_a_file_is():
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.faa", b">a\nMKA\n")
    memory.pipe("/bucket/b.faa", b">b\nMKAC\n")
    assert is_address("memory://bucket/a.faa") and not is_address("C:/a.faa")
    assert expanded(["memory://bucket/*.faa"]) == [
        "memory:///bucket/a.faa",
        "memory:///bucket/b.faa",
    ]
    assert size("memory://bucket/b.faa") == 8
    with open_binary("memory://bucket/b.faa") as file:
        file.seek(3)
        assert file.read() == b"MKAC\n"
    with pytest.raises(InputError, match=r"memory://bucket/c\.faa: no such file"):
        size("memory://bucket/c.faa")
    with pytest.raises(InputError, match="cannot be read"):
        size("unheardof://bucket/c.faa")
