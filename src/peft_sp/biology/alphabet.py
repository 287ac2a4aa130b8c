"""Amino acids as numbers: how windows are encoded and batched on their way to a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import WINDOW

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = "X"
RESIDUES = AMINO_ACIDS + UNKNOWN + "BZUO"
"""Letters a window may hold; a letter's code is its index here."""
PAD = len(RESIDUES)
"""Code of the positions behind a window's end."""

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
"""Hydropathy, without unit (Kyte and Doolittle 1982)."""

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

STRETCH, N_TERMINAL = 9, 45
"""Residues of a hydrophobic stretch, and the first residues of a window that it lies in."""

_CODE = np.full(256, RESIDUES.index(UNKNOWN), dtype=np.uint8)
_CODE[np.frombuffer(RESIDUES.encode(), dtype=np.uint8)] = np.arange(len(RESIDUES))


def properties() -> NDArray[np.float64]:
    """Eight properties of the 20 amino acids (20, 8), each with mean 0 and variance 1.

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

    A letter outside `RESIDUES` becomes the code of X (`io/cleaning.py` warns of it).
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


class Batch(NamedTuple):
    """Some of N windows.

    rows (B,): their numbers among the N, so that `result[rows] = values` puts what was computed
    in the order of the input; residues (B, L): codes, padded to the longest; lengths (B,): their
    residues.
    """

    rows: NDArray[np.int64]
    residues: NDArray[np.uint8]
    lengths: NDArray[np.int64]


def batches(windows: Sequence[str] | NDArray[np.uint8], size: int) -> Iterator[Batch]:
    """Batches of `size` windows, shortest first, so that they carry next to no padding.

    windows: N strings, or codes (N, L), padded. Windows of one length keep their order.
    """
    if isinstance(windows, np.ndarray):
        lengths = (windows != PAD).sum(1)
    else:
        lengths = np.fromiter(map(len, windows), dtype=np.int64, count=len(windows))
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        if isinstance(windows, np.ndarray):
            residues = windows[rows, : lengths[rows].max()]
        else:
            residues = encode([windows[row] for row in rows.tolist()])
        yield Batch(rows, residues, lengths[rows])


def hydropathy_peaks(
    codes: NDArray[np.uint8], stretch: int = STRETCH
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The most hydrophobic stretch near the start of each window.

    codes (N, L) -> mean hydropathy (N,) of the best `stretch` residues among the first
    `N_TERMINAL`, and its middle (N,), 0-based. Letters without a value, and positions behind a
    window's end, count as 0.
    """
    values = np.zeros(PAD + 1)
    values[: len(AMINO_ACIDS)] = [KYTE_DOOLITTLE[letter] for letter in AMINO_ACIDS]
    # shape: (windows, length + 1)
    sums = values[codes[:, :N_TERMINAL]].cumsum(axis=1)
    sums = np.pad(sums, ((0, 0), (1, max(stretch - codes.shape[1], 0))), mode="edge")
    sums[:, 0] = 0
    means = (sums[:, stretch:] - sums[:, :-stretch]) / stretch
    # Rounded, so that equal stretches tie whatever the order of the additions.
    first = means.round(6).argmax(axis=1)
    return means[np.arange(len(means)), first], first + stretch // 2
