"""Counts of a few made-up lipoproteins."""

from __future__ import annotations

import pytest

from peft_sp.biology.prediction import Prediction, Protein, Region
from peft_sp.io.plotting.summary.statistics import Statistics
from tests.support.predictions import by_type


def _lipoprotein(sequence, site, chance=0.5):
    shares = by_type(0.1, 0.0, 0.9)
    regions = (
        Region("n-region", 1, 2),
        Region("twin-arginine motif", 3, 4),
        Region("n-region", 5, 5),
        Region("h-region", 6, site - 2),
        Region("lipobox", site - 1, site),
    )
    return Prediction(Protein("a", sequence), "LIPO", shares, site, chance, regions)


@pytest.fixture
def lipoprotein():
    """Makes a lipoprotein of a sequence that is cut behind a residue."""
    return _lipoprotein


@pytest.fixture
def counted():
    found = Statistics()
    first = [_lipoprotein("MKRRTLLLLAGC" + letter * 3, 11) for letter in "AAAAASSSDX"]
    other = Prediction(Protein("b", "MSTW", ("odd",)), "NO_SP", by_type(0.99, 0.01))
    found.add(first)
    found.add([other])
    return found
