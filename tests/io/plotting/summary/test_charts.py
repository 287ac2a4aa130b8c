import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.io.plotting.summary import charts

LIPO = TYPES.index("LIPO")


def test_charts(counted):
    assert charts.logo(counted, "PILIN") == ""
    assert ">C</text>" in charts.logo(counted, "LIPO")
    assert "<title>0.50 to 0.55: 10</title>" in charts.histogram(counted.sites, "sites")
    assert "<title>0.00 to 0.05: 1</title>" in charts.histogram(counted.signal, "signal", True)
    drawn = charts.region_lengths(counted, ["LIPO"], [LIPO])
    assert "median 5" in drawn and "median 11" in drawn and "none" in drawn
    for text in (charts.histogram(np.zeros(20, dtype=int), "none"), drawn):
        assert text.startswith("<svg") and text.endswith("</svg>")


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([1, 2, 9], 2), ([1, 2, 3, 4], 2)])
def test_median(values, middle):
    assert charts.median(np.bincount(values, minlength=12)) == middle
