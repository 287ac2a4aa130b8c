from math import log, log2

import numpy as np
import pytest

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import TYPES
from peft_sp.biology.notes import CHANGED
from peft_sp.io.plotting.summary.statistics import BEFORE, REGIONS, Statistics

LIPO = TYPES.index("LIPO")


def test_counts(counted):
    assert counted.types == {"LIPO": 10, "NO_SP": 1} and counted.count == 11
    assert counted.warned == 1 and counted.warnings == {CHANGED: 1}
    assert counted.signal[0] == 1 and counted.signal[18] + counted.signal[17] == 10
    assert counted.sites[10] == 10 and counted.sites.sum() == 10
    lengths = {
        name: counted.lengths[LIPO, n].nonzero()[0].tolist() for n, name in enumerate(REGIONS)
    }
    # The n-region goes on behind the twin-arginine motif.
    assert lengths == {"n-region": [5], "h-region": [4], "c-region": [], "signal peptide": [11]}


def test_the_background_is_the_composition_of_the_windows(counted):
    text = "".join("MKRRTLLLLAGC" + letter * 3 for letter in "AAAAASSSD") + "MKRRTLLLLAGC" + "MSTW"
    share = dict(zip(AMINO_ACIDS, counted.background.tolist(), strict=True))
    assert share["L"] == pytest.approx((text.count("L") + 1) / (len(text) + 20))
    assert share["W"] == pytest.approx(2 / (len(text) + 20))
    assert sum(share.values()) == pytest.approx(1)


def test_heights_of_a_logo(counted):
    heights, background = (
        counted.logo("LIPO"),
        dict(zip(AMINO_ACIDS, counted.background, strict=True)),
    )
    chance = 19 / (2 * log(2) * 10)
    # Always the cysteine behind the cut.
    assert heights[BEFORE].sum() == pytest.approx(log2(1 / background["C"]) - chance)
    assert heights[BEFORE, AMINO_ACIDS.index("C")] == heights[BEFORE].sum()
    # A place of 9 residues, since X counts for none.
    shares = {"A": 5 / 9, "S": 3 / 9, "D": 1 / 9}
    bits = sum(p * log2(p / background[letter]) for letter, p in shares.items())
    height = max(bits - 19 / (2 * log(2) * 9), 0.0)
    assert heights[BEFORE + 1].sum() == pytest.approx(height)
    # Nothing stands before the first residue, nor behind the last.
    assert not heights[0].any() and not counted.around[LIPO, 0].any()
    assert counted.logo("PILIN").sum() == 0


def test_a_logo_of_chance_residues_is_low(lipoprotein):
    generator = np.random.default_rng(0)
    found = Statistics()
    letters = np.array(list(AMINO_ACIDS))
    found.add([lipoprotein("".join(generator.choice(letters, 60)), 25) for _ in range(400)])
    assert found.logo("LIPO").sum(axis=1).max() < 0.1
