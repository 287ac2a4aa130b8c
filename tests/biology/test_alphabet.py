import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_sp.biology.alphabet import (
    AMINO_ACIDS,
    PAD,
    RESIDUES,
    batches,
    encode,
    hydropathy_peaks,
    properties,
)

WINDOWS = ["MKTAYIAK" * n for n in (8, 1, 3, 1, 8, 2)]


def test_windows_are_padded_to_the_longest():
    codes = encode(["AC", "A", "ACDE"])
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0, 1, PAD, PAD], [0, PAD, PAD, PAD], [0, 1, 2, 3]]


def test_every_letter_has_its_code_and_others_become_x():
    assert encode([RESIDUES])[0].tolist() == list(range(25))
    assert encode(["J"])[0, 0] == encode(["X"])[0, 0] == RESIDUES.index("X")


def test_windows_longer_than_a_network_reads_are_refused():
    with pytest.raises(ValueError, match="71 residues"):
        encode(["A" * 71])
    with pytest.raises(ValueError, match="does not fit 3"):
        encode(["AAAA"], 3)


def test_no_windows():
    assert encode([]).shape == (0, 0)


@given(st.lists(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=70)), st.integers(1, 9))
def test_every_window_is_in_one_batch_beside_windows_of_its_length(windows, size):
    made = list(batches(windows, size))
    rows = [row for batch in made for row in batch.rows.tolist()]
    assert sorted(rows) == list(range(len(windows)))
    assert [len(windows[row]) for row in rows] == sorted(map(len, windows))
    for batch in made:
        assert len(batch.rows) <= size
        assert batch.residues.shape[1] == batch.lengths.max()
        own = [windows[row] for row in batch.rows.tolist()]
        np.testing.assert_array_equal(batch.residues, encode(own))
        np.testing.assert_array_equal(batch.lengths, [len(window) for window in own])


def test_codes_are_batched_as_their_windows_are():
    for ours, theirs in zip(batches(encode(WINDOWS), 2), batches(WINDOWS, 2), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_equal_lengths_keep_their_order():
    assert [b.rows.tolist() for b in batches(["AA", "C", "DD", "E"], 4)] == [[1, 3, 0, 2]]


def test_no_windows_are_no_batches():
    assert list(batches([], 4)) == []


def test_properties_are_standardised():
    table = properties()
    assert table.shape == (20, 8)
    np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(table.std(axis=0), 1)
    hydropathy = dict(zip(AMINO_ACIDS, table[:, 0], strict=True))
    assert max(hydropathy, key=hydropathy.get) == "I"
    assert min(hydropathy, key=hydropathy.get) == "R"


def test_the_most_hydrophobic_stretch_of_a_window():
    best, middle = hydropathy_peaks(encode(["M" + "K" * 9 + "L" * 9 + "K" * 20, "LLL", "L" * 60]))
    np.testing.assert_allclose(best, [3.8, 3 * 3.8 / 9, 3.8])
    assert middle.tolist() == [14, 4, 4]  # of equal stretches the first


def test_a_stretch_behind_the_n_terminus_does_not_count():
    best, _ = hydropathy_peaks(encode(["K" * 50 + "L" * 20]))
    assert best[0] == pytest.approx(-3.9)
