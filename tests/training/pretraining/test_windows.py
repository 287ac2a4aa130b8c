import gzip

import numpy as np
import pytest

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.errors import InputError
from peft_sp.training.pretraining.windows import beginnings, random_stream, read_windows
from tests.support.pretraining import write_windows


def fasta(file, sequences):
    file.write_text("".join(f">{name}\n{s}\n" for name, s in sequences.items()))
    return str(file)


def strings(codes):
    letters = np.array([*"ACDEFGHIKLMNPQRSTVWYXBZUO", ""])
    return {"".join(letters[row]) for row in codes}


A, B, C = "M" + "A" * 80, "M" + "C" * 58, "MKTAYIAKQRQISFVKSHFS" * 4


def test_windows_that_begin_alike_stand_once(tmp_path):
    longer = A[:65] + "W" * 15
    found = read_windows(
        [fasta(tmp_path / "w.faa", {"a": A, "again": longer, "b": B, "c": C})], [], 1, seed=0
    )
    assert strings(found.train) | strings(found.held_out) == {A[:70], B, C[:70]}
    counts = found.counts
    assert (counts.records, counts.repeated, counts.excluded) == (4, 1, 0)
    assert (counts.train, counts.held_out) == (2, 1)


def test_labelled_proteins_and_their_windows_cut_short_are_excluded(tmp_path):
    """Labels stand behind residues in such a file; a partition of -1 means none."""
    labelled = tmp_path / "labelled.fasta"
    short = "MKTW" * 5
    labelled.write_text(
        f">x|EUKARYA|NO_SP|-1\n{A[:70]}\n{'I' * 70}\n>y|NEGATIVE|SP|0\n{short}\n{'S' * 20}\n"
    )
    windows = {"a": A[:60] + "W" * 10, "short": short, "b": B, "c": C, "d": C[1:]}
    found = read_windows([fasta(tmp_path / "w.faa", windows)], [str(labelled)], 1, seed=0)
    assert strings(found.train) | strings(found.held_out) == {B, C[:70], C[1:71]}
    assert found.counts.excluded == 2


def test_plain_and_compressed_fasta_can_be_excluded(tmp_path):
    packed = tmp_path / "out.faa.gz"
    packed.write_bytes(gzip.compress(f">x|y|z|1\n{A[:40]}\n{A[40:]}\n".encode()))
    assert list(beginnings(str(packed))) == [A[:60]]


def test_held_out_windows_are_drawn_by_the_seed_with_their_organisms(tmp_path):
    file = str(write_windows(tmp_path / "w.faa"))
    one, same, other = (read_windows([file], [], 9, seed) for seed in (1, 1, 2))
    assert (one.held_out == same.held_out).all() and one.sha256 == same.sha256 == other.sha256
    assert (one.held_out != other.held_out).any()
    assert len(one.train) == 31 and not strings(one.train) & strings(one.held_out)
    assert set(one.groups) <= {"eukarya", "other", "unknown"} and len(set(one.groups)) == 3


def test_a_window_keeps_its_length(tmp_path):
    found = read_windows([fasta(tmp_path / "w.faa", {"b": B, "c": C})], [], 1, seed=0)
    lengths = {int((row != PAD).sum()) for row in (*found.train, *found.held_out)}
    assert lengths == {59, 70}
    assert found.train.dtype == encode(["M"]).dtype


def test_too_few_windows_are_an_error_with_the_file(tmp_path):
    file = fasta(tmp_path / "w.faa", {"a": A})
    with pytest.raises(InputError, match=r"w\.faa: 1 window left of 1 record; to hold out 1"):
        read_windows([file], [], 1, seed=0)


def test_random_streams_differ_by_purpose_and_number_and_depend_on_nothing_else():
    def draw(*key):
        return tuple(random_stream(*key).integers(1 << 62, size=2))

    keys = [(1, "order", 0), (1, "order", 1), (1, "masks", 0), (2, "order", 0)]
    assert len({draw(*key) for key in keys}) == 4
    assert draw(*keys[0]) == draw(*keys[0])
