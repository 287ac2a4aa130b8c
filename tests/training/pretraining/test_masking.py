import numpy as np
import pytest

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.training.pretraining.masking import MASK, hide
from peft_sp.training.pretraining.recipe import Masking

RESIDUES = np.random.default_rng(0).integers(20, size=(400, 70), dtype=np.uint8)
RESIDUES[::2, 50:] = PAD
DEFAULT = Masking()


def hidden(masking=DEFAULT, seed=1):
    return hide(RESIDUES, masking, np.random.default_rng(seed))


@pytest.mark.parametrize(("fraction", "long", "short"), [(0.15, 10, 8), (0.5, 35, 25)])
def test_each_window_hides_the_same_fraction_of_its_residues(fraction, long, short):
    seen, chosen = hidden(Masking(fraction=fraction))
    assert (chosen[1::2].sum(1) == long).all() and (chosen[::2].sum(1) == short).all()
    assert not chosen[RESIDUES == PAD].any()
    assert (seen[~chosen] == RESIDUES[~chosen]).all()


def test_hidden_residues_are_masked_substituted_or_left():
    seen, chosen = hidden()
    shown, true = seen[chosen], RESIDUES[chosen]
    assert (shown == MASK).mean() == pytest.approx(0.8, abs=0.02)
    # One substitution in twenty draws the amino acid that was there.
    assert (shown == true).mean() == pytest.approx(0.105, abs=0.015)
    assert ((shown != true) & (shown < 20)).mean() == pytest.approx(0.095, abs=0.015)


def test_every_position_is_hidden_alike():
    _, chosen = hide(np.repeat(RESIDUES[1::2], 20, axis=0), Masking(), np.random.default_rng(3))
    assert np.abs(chosen.mean(0) - 1 / 7).max() < 0.03


def test_the_shortest_window_hides_one_residue():
    seen, chosen = hide(encode(["M"]), Masking(masked=1, substituted=0), np.random.default_rng(0))
    assert chosen.tolist() == [[True]] and seen.tolist() == [[MASK]]


def test_the_generator_decides():
    assert (hidden(seed=1)[0] == hidden(seed=1)[0]).all()
    assert (hidden(seed=1)[0] != hidden(seed=2)[0]).any()
