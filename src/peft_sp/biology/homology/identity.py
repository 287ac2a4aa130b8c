"""How alike two windows are: the identity of their best global alignment.

Needleman and Wunsch's recurrence with affine gaps (Gotoh 1982), BLOSUM62, a gap of n residues
costing 10 + 0.5 (n - 1), gaps at the ends free. Identity is the number of identical pairs over
the length of the longer window. Of alignments with the same score the one with most identical
pairs counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD, RESIDUES

# Rows and columns in the order of `AMINO_ACIDS` (Henikoff and Henikoff 1992).
_BLOSUM62 = """
 4  0 -2 -1 -2  0 -2 -1 -1 -1 -1 -2 -1 -1 -1  1  0  0 -3 -2
 0  9 -3 -4 -2 -3 -3 -1 -3 -1 -1 -3 -3 -3 -3 -1 -1 -1 -2 -2
-2 -3  6  2 -3 -1 -1 -3 -1 -4 -3  1 -1  0 -2  0 -1 -3 -4 -3
-1 -4  2  5 -3 -2  0 -3  1 -3 -2  0 -1  2  0  0 -1 -2 -3 -2
-2 -2 -3 -3  6 -3 -1  0 -3  0  0 -3 -4 -3 -3 -2 -2 -1  1  3
 0 -3 -1 -2 -3  6 -2 -4 -2 -4 -3  0 -2 -2 -2  0 -2 -3 -2 -3
-2 -3 -1  0 -1 -2  8 -3 -1 -3 -2  1 -2  0  0 -1 -2 -3 -2  2
-1 -1 -3 -3  0 -4 -3  4 -3  2  1 -3 -3 -3 -3 -2 -1  3 -3 -1
-1 -3 -1  1 -3 -2 -1 -3  5 -2 -1  0 -1  1  2  0 -1 -2 -3 -2
-1 -1 -4 -3  0 -4 -3  2 -2  4  2 -3 -3 -2 -2 -2 -1  1 -2 -1
-1 -1 -3 -2  0 -3 -2  1 -1  2  5 -2 -2  0 -1 -1 -1  1 -1 -1
-2 -3  1  0 -3  0  1 -3  0 -3 -2  6 -2  0  0  1  0 -3 -4 -2
-1 -3 -1 -1 -4 -2 -2 -3 -1 -3 -2 -2  7 -1 -2 -1 -1 -2 -4 -3
-1 -3  0  2 -3 -2  0 -3  1 -2  0  0 -1  5  1  0 -1 -2 -2 -1
-1 -3 -2  0 -3 -2  0 -3  2 -2 -1  0 -2  1  5 -1 -1 -3 -3 -2
 1 -1  0  0 -2  0 -1 -2  0 -2 -1  1 -1  0 -1  4  1 -2 -3 -2
 0 -1 -1 -1 -2 -2 -2 -1 -1 -1 -1  0 -1 -1 -1  1  5  0 -2 -2
 0 -1 -3 -2 -1 -3 -3  3 -2  1  1 -3 -2 -2 -3 -2  0  4 -3 -1
-3 -2 -4 -3  1 -2 -2 -3 -3 -2 -1 -4 -4 -2 -3 -3 -2 -3 11  2
-2 -2 -3 -2  3 -3  2 -1 -2 -1 -1 -2 -3 -1 -2 -2 -2 -1  2  7
"""
_UNKNOWN = -1
"""Score of a letter that is none of the 20 amino acids, which is identical with nothing."""
_OPEN, _EXTEND = 10.0, 0.5
_UNIT = 256
"""Scores are counted in halves and the identical pairs of an alignment within one of them."""
_BATCH = 1024
_LOWEST = -(1 << 28)


def _scores() -> NDArray[np.int32]:
    """What a pair of residue codes (26 * 26,) adds to an alignment; padding adds nothing."""
    count = len(AMINO_ACIDS)
    table = np.full((PAD + 1, PAD + 1), _UNKNOWN * 2 * _UNIT, dtype=np.int32)
    known = np.array(_BLOSUM62.split(), dtype=np.int32).reshape(count, count)
    table[:count, :count] = known * 2 * _UNIT + np.eye(count, dtype=np.int32)
    table[PAD], table[:, PAD] = 0, 0
    return table.ravel()


_SCORES = _scores()


def substitution(first: str, second: str) -> int:
    """Score of a pair of letters."""
    place = RESIDUES.index(first) * (PAD + 1) + RESIDUES.index(second)
    return int(_SCORES[place]) // (2 * _UNIT)


def identities(codes: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Identity (P,) of pairs (P, 2) of windows, as rows of `codes` (N, L) padded with `PAD`."""
    lengths = (codes != PAD).sum(axis=1)
    found = np.zeros(len(pairs))
    for start in range(0, len(pairs), _BATCH):
        first, second = pairs[start : start + _BATCH].T
        matches = _identical(codes[first], codes[second])
        found[start : start + _BATCH] = matches / np.maximum(lengths[first], lengths[second])
    return found


def _identical(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Identical pairs (B,) in the best alignments of windows (B, L) and (B, L).

    Cell (i, j) of the table is the best alignment of the first i and j residues. The cells of a
    diagonal i + j = d depend on those of the two diagonals before it alone; `best[i]` is the one
    of row i. Padding stands at the ends, where it costs nothing, as gaps there do.
    """
    batch, length = first.shape
    # shape: (length, windows)
    rows = first.T.astype(np.int64) * (PAD + 1)
    columns = second.T[::-1].astype(np.int64)
    opened, extended = int(2 * _OPEN) * _UNIT, int(2 * _EXTEND) * _UNIT
    before, best = (np.zeros((length + 1, batch), dtype=np.int32) for _ in range(2))
    right, down = (np.full((length + 1, batch), _LOWEST, dtype=np.int32) for _ in range(2))
    ends = np.zeros(batch, dtype=np.int32)
    for diagonal in range(2, 2 * length + 1):
        low, high = max(1, diagonal - length), min(length, diagonal - 1)
        here, above = slice(low, high + 1), slice(low - 1, high)
        right[here] = np.maximum(right[here] - extended, best[here] - opened)
        down[here] = np.maximum(down[above] - extended, best[above] - opened)
        column = slice(length - diagonal + low, length - diagonal + high + 1)
        pair = _SCORES[rows[above] + columns[column]]
        now = np.maximum(before[above] + pair, np.maximum(right[here], down[here]))
        # Borders stay 0: gaps at the start are free.
        before, best = best, np.zeros_like(best)
        best[here] = now
        if high == length:
            ends = np.maximum(ends, now[-1])
        if low == diagonal - length:
            ends = np.maximum(ends, now[0])
    found: NDArray[np.int64] = ends.astype(np.int64) % _UNIT
    return found
