import numpy as np
import pytest

from peft_sp.biology.prediction import MARGINAL_COLUMNS
from peft_sp.io.plotting.curves import CURVES, curves


def test_every_column_belongs_to_one_part():
    parts = curves(np.eye(len(MARGINAL_COLUMNS), dtype=np.float32))
    assert (parts.sum(axis=1) == 1).all() and set(parts.ravel()) == {0, 1}
    of = dict(zip(MARGINAL_COLUMNS, [CURVES[n] for n in parts.argmax(axis=1)], strict=True))
    assert of["Other"] == "other"
    assert of["Sec/SPI n"] == of["Tat/SPII n"] == of["Sec/SPIII P"] == "n-region"
    assert of["Sec/SPII cys"] == of["Tat/SPII lipobox"] == "lipobox"
    assert of["Tat/SPI RR"] == "twin-arginine motif" and of["Sec/SPIII cons."] == "pilin motif"


def test_types_are_added_up():
    regions = np.zeros((1, len(MARGINAL_COLUMNS)), dtype=np.float32)
    regions[0, MARGINAL_COLUMNS.index("Sec/SPI h")] = 0.25
    regions[0, MARGINAL_COLUMNS.index("Tat/SPI h")] = 0.5
    regions[0, MARGINAL_COLUMNS.index("Other")] = 0.25
    parts = dict(zip(CURVES, curves(regions)[0].tolist(), strict=True))
    assert parts.pop("h-region") == pytest.approx(0.75)
    assert parts.pop("other") == pytest.approx(0.25)
    assert not any(parts.values())
