"""What cannot be written, or must not be, is found before any work."""

from __future__ import annotations

import os

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results.directories import (
    refuse_foreign_directory,
    refuse_foreign_file,
    refuse_other_encodings,
    refuse_unwritable,
    refuse_unwritable_file,
)


def test_only_a_directory_that_is_new_or_holds_a_run_is_written_into(tmp_path):
    refuse_foreign_directory(tmp_path / "new", "test-*")
    place = tmp_path / "place"
    place.mkdir()
    refuse_foreign_directory(place, "test-*")
    (place / "README.md").write_text("of others")
    with pytest.raises(OutputError, match=r"place: holds README\.md, and no run to continue"):
        refuse_foreign_directory(place, "test-*", "figures.json")
    (place / "test-1").mkdir()
    refuse_foreign_directory(place, "test-*", "figures.json")


def test_a_file_in_the_way_is_found_however_far_above(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "gone").symlink_to("nowhere")
    for path in ("file", "file/a", "file/a/b"):
        with pytest.raises(OutputError, match="file: is a file, not a directory; choose another"):
            refuse_foreign_directory(tmp_path / path, option="-o")
    with pytest.raises(OutputError, match="gone: is not a directory; choose another with -o"):
        refuse_unwritable(tmp_path / "gone" / "b")
    refuse_unwritable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_a_name_that_is_too_long_is_found(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\); choose"):
        refuse_unwritable(tmp_path / ("x" * 300))


def test_a_directory_without_the_right_to_write_is_found(tmp_path, monkeypatch):
    """Of root's rights none is missing, so that the system's answer is given here."""
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "locked")
    with pytest.raises(OutputError, match=r"no right to write into .*locked\); choose another"):
        refuse_unwritable(tmp_path / "locked" / "new")
    refuse_unwritable(tmp_path / "new")


def test_a_single_file_needs_its_directory(tmp_path):
    refuse_unwritable_file(tmp_path / "out.fasta")
    with pytest.raises(OutputError, match=r"there is no directory .*none\); make it, or choose"):
        refuse_unwritable_file(tmp_path / "none" / "out.fasta")
    with pytest.raises(OutputError, match="is a directory, not a file"):
        refuse_unwritable_file(tmp_path)


def test_a_name_that_is_no_utf8_is_refused(tmp_path):
    with pytest.raises(OutputError, match="is not UTF-8"):
        refuse_other_encodings(tmp_path / os.fsdecode(b"caf\xe9"))
    refuse_other_encodings(tmp_path / "café")


def test_a_file_of_others_is_not_replaced_and_one_of_an_earlier_run_is(tmp_path):
    path = tmp_path / "report.md"
    refuse_foreign_file(path, "# Report of ")
    path.write_text("# Report of a")
    refuse_foreign_file(path, "# Report of ")
    for other in ("# Report", "", "My notes\n"):
        path.write_text(other)
        with pytest.raises(OutputError, match=r"report\.md: was not written by this command"):
            refuse_foreign_file(path, "# Report of ")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(OutputError, match="was not written by this command"):
        refuse_foreign_file(path, "# Report of ")
