"""The curves of a picture: the probability of each part of a signal peptide at each residue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.prediction import MARGINAL_COLUMNS, OTHER

CURVES = (
    "n-region",
    "h-region",
    "c-region",
    "twin-arginine motif",
    "lipobox",
    "pilin motif",
    "other",
)
"""The parts of a signal peptide, whatever its type; the lipobox includes its cysteine."""
_CURVE_OF_COLUMN = {
    **{"n": "n-region", "P": "n-region", "h": "h-region", "c": "c-region"},
    **{"RR": "twin-arginine motif", "lipobox": "lipobox", "cys": "lipobox"},
    **{"cons.": "pilin motif", OTHER: "other"},
}
_MEMBERSHIP = np.array(
    [
        [curve == _CURVE_OF_COLUMN[column.split()[-1]] for curve in CURVES]
        for column in MARGINAL_COLUMNS
    ],
    dtype=np.float32,
)


def curves(regions: NDArray[np.float32]) -> NDArray[np.float32]:
    """P(residue belongs to each of `CURVES`) (L, 7) from `Marginals.regions` (L, R).

    Summed over the types, so that rows sum to 1.
    """
    parts: NDArray[np.float32] = regions @ _MEMBERSHIP
    return parts
