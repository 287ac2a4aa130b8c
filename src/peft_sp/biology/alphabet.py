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

_CODE = np.full(256, RESIDUES.index(UNKNOWN), dtype=np.uint8)
_CODE[np.frombuffer(RESIDUES.encode(), dtype=np.uint8)] = np.arange(len(RESIDUES))


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
