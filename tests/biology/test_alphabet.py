import numpy as np
import pytest

from peft_sp.biology.alphabet import PAD, RESIDUES, encode


def test_windows_are_padded_to_the_longest():
    codes = encode(["AC", "A", "ACDE"])
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0, 1, PAD, PAD], [0, PAD, PAD, PAD], [0, 1, 2, 3]]


def test_every_letter_has_its_place_and_others_become_x():
    assert encode([RESIDUES])[0].tolist() == list(range(25))
    assert encode(["J"])[0, 0] == encode(["X"])[0, 0] == RESIDUES.index("X")


def test_windows_longer_than_a_network_reads_are_refused():
    with pytest.raises(ValueError, match="71 residues"):
        encode(["A" * 71])
    with pytest.raises(ValueError, match="does not fit 3"):
        encode(["AAAA"], 3)


def test_no_windows():
    assert encode([]).shape == (0, 0)
