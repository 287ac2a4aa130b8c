"""Amino acids as numbers: the one encoding that windows have on their way to a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import WINDOW

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = "X"
RESIDUES = AMINO_ACIDS + UNKNOWN + "BZUO"
"""Letters a window may hold; a letter's code is its place here."""
PAD = len(RESIDUES)
"""Code of the places after a window's end."""

KYTE_DOOLITTLE = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            *(1.8, -4.5, -3.5, -3.5, 2.5, -3.5, -3.5, -0.4, -3.2, 4.5),
            *(3.8, -3.9, 1.9, 2.8, -1.6, -0.8, -0.7, -0.9, -1.3, 4.2),
        ),
        strict=True,
    )
)
"""Hydropathy (Kyte and Doolittle 1982)."""

RESIDUE_VOLUME = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            *(88.6, 173.4, 114.1, 111.1, 108.5, 143.8, 138.4, 60.1, 153.2, 166.7),
            *(166.7, 168.6, 162.9, 189.9, 112.7, 89.0, 116.1, 227.8, 193.6, 140.0),
        ),
        strict=True,
    )
)
"""Volume in cubic angstrom (Zamyatnin 1972)."""

STRETCH, NEAR = 9, 45
"""Residues of a stretch whose hydropathy is of interest, and where it is looked for."""

_CODE = np.full(256, RESIDUES.index(UNKNOWN), dtype=np.uint8)
_CODE[np.frombuffer(RESIDUES.encode(), dtype=np.uint8)] = np.arange(len(RESIDUES))


def properties() -> NDArray[np.float64]:
    """What the 20 amino acids are like (20, 8), each property with mean 0 and variance 1.

    Hydropathy, volume, charge, and whether polar, aromatic, small, branched at the beta carbon,
    or special to the backbone (glycine, proline). In the order of `AMINO_ACIDS`.
    """
    groups = ("DEKRHNQST", "FWYH", "AGSC", "VIT", "GP")
    rows = [
        [
            KYTE_DOOLITTLE[letter],
            RESIDUE_VOLUME[letter],
            (letter in "KR") - (letter in "DE"),
            *(letter in group for group in groups),
        ]
        for letter in AMINO_ACIDS
    ]
    table = np.array(rows, dtype=np.float64)
    standard: NDArray[np.float64] = (table - table.mean(axis=0)) / table.std(axis=0)
    return standard


def encode(windows: Sequence[str], width: int | None = None) -> NDArray[np.uint8]:
    """Codes (B, L) of upper-case windows, padded with `PAD` to `width` or to the longest.

    A letter outside `RESIDUES` becomes the code of X; cleaning is the reader's work.
    Raises ValueError if a window is longer than `WINDOW` or `width`.
    """
    lengths = np.fromiter((len(window) for window in windows), dtype=np.int64, count=len(windows))
    longest = int(lengths.max(initial=0))
    width = longest if width is None else width
    if longest > min(width, WINDOW):
        raise ValueError(f"a window of {longest} residues does not fit {min(width, WINDOW)}")
    codes = np.full((len(windows), width), PAD, dtype=np.uint8)
    text = np.frombuffer("".join(windows).encode("latin-1", "replace"), dtype=np.uint8)
    codes[np.arange(width) < lengths[:, None]] = _CODE[text]
    return codes


def hydropathy_peaks(codes: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The most hydrophobic stretch near the start of each window.

    codes (N, L) -> mean hydropathy (N,) of the best `STRETCH` residues among the first `NEAR`,
    and its middle (N,), 0-based. Letters without a value, and what is behind a
    window's end, count as 0.
    """
    values = np.zeros(PAD + 1)
    values[: len(AMINO_ACIDS)] = [KYTE_DOOLITTLE[letter] for letter in AMINO_ACIDS]
    sums = values[codes[:, :NEAR]].cumsum(axis=1)
    sums = np.pad(sums, ((0, 0), (1, max(STRETCH - codes.shape[1], 0))), mode="edge")
    sums[:, 0] = 0
    means = (sums[:, STRETCH:] - sums[:, :-STRETCH]) / STRETCH
    # Rounded, so that equal stretches tie whatever the order of the additions.
    first = means.round(6).argmax(axis=1)
    return means[np.arange(len(means)), first], first + STRETCH // 2
