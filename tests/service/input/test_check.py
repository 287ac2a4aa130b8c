import bz2
import gzip
import lzma

import pytest

from peft_sp.errors import InputError
from peft_sp.service.input import check
from peft_sp.service.job import Upload
from peft_sp.service.settings import ServiceSettings
from tests.support.service import FASTA


@pytest.fixture
def settings(tmp_path):
    return ServiceSettings(tmp_path, max_bytes=10_000, max_records=3, max_length=100)


def uploads(tmp_path, *contents):
    made = []
    for number, content in enumerate(contents, 1):
        path = tmp_path / f"{number}.fasta"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        made.append(Upload("mine.faa", path))
    return tuple(made)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_records_are_counted_packed_or_not(tmp_path, settings, pack):
    given = uploads(tmp_path, pack(FASTA.encode()))
    assert check.require_within(given, settings) == 2
    assert check.look(given, settings, False) == 2


def test_a_record_too_many_is_named(tmp_path, settings):
    given = uploads(tmp_path, FASTA, FASTA)
    with pytest.raises(InputError, match="more than 3 records; send") as found:
        check.require_within(given, settings)
    assert (found.value.path, found.value.line) == (str(given[1].path), 3)
    assert found.value.record == "thrA"


def test_a_sequence_that_is_too_long_is_named(tmp_path, settings):
    given = uploads(tmp_path, f">a\nMK\n>long one\n{'M' * 101}\n")
    with pytest.raises(InputError, match="a sequence of 101 letters, and 100 are") as found:
        check.look(given, settings, True)
    assert (found.value.line, found.value.record) == (3, "long")


def test_what_unpacks_to_too_much_is_read_no_further(tmp_path):
    bomb = gzip.compress(b">a\n" + b"\n" * 30_000_000)
    assert len(bomb) < 40_000
    settings = ServiceSettings(tmp_path, max_bytes=100_000)
    with pytest.raises(InputError, match=r"more than 0.1 MB of input \(unpacked\)"):
        check.require_within(uploads(tmp_path, bomb), settings)


def test_all_files_count_together(tmp_path, settings):
    half = ">a\nMK\n" + "\n" * 6000
    assert check.require_within(uploads(tmp_path, half), settings) == 1
    with pytest.raises(InputError, match=r"more than 0.01 MB"):
        check.require_within(uploads(tmp_path, half, half), settings)


def test_a_packing_that_may_take_any_memory_is_refused(tmp_path, settings):
    with pytest.raises(InputError, match="xz is not taken here; give it plain or as gzip"):
        check.look(uploads(tmp_path, lzma.compress(FASTA.encode())), settings, False)


def test_much_input_is_left_for_later(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "AT_ONCE", 1000)
    given = uploads(tmp_path, FASTA * 20 + ">bad\nM!\n")
    assert check.look(given, ServiceSettings(tmp_path), False) is None


def test_a_record_that_cannot_be_predicted_is_an_error_unless_it_may_be_left_out(
    tmp_path, settings
):
    given = uploads(tmp_path, FASTA + ">bad\nM!\n")
    with pytest.raises(InputError, match="'!' at residue 2") as found:
        check.look(given, settings, False)
    assert (found.value.line, found.value.record) == (5, "bad")
    assert check.look(given, settings, True) == 2
