"""Pairs of windows that may be alike: those with a common stretch, found by common k-mers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD

K = 3
"""Residues of a k-mer."""
_COMMON = 2
"""K-mers that two windows have on one diagonal; a stretch of K + 1 residues has two."""
_UNGAPPED = 0.4
"""Fraction of an alignment's equal residues that stand on one diagonal, at least."""
_BLOCK = 64
"""Windows that are compared with all others at once."""


def alike(codes: NDArray[np.uint8], limit: float) -> NDArray[np.int64]:
    """Pairs (P, 2) of rows of `codes` (N, L), first below second, that may reach an identity.

    limit: the identity, as a fraction. A pair is found if without gaps, on one diagonal, two
    k-mers are equal, and `_UNGAPPED` of the residues that the limit asks for. A pair whose
    alignment has several gaps, or no two k-mers, can escape.
    """
    lengths = (codes != PAD).sum(axis=1)
    row, position, word = _words(codes)
    # By word, and within it by row.
    order = np.lexsort((row, word))
    row_of, position_of = row[order], position[order]
    key = word[order] * len(codes) + row_of
    width = 2 * codes.shape[1]
    found = []
    for start in range(0, len(codes), _BLOCK):
        own = slice(*np.searchsorted(row, [start, start + _BLOCK]))
        first = np.searchsorted(key, word[own] * len(codes) + row[own], side="right")
        last = np.searchsorted(key, (word[own] + 1) * len(codes))
        count = last - first
        query = np.repeat(row[own], count)
        offset = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
        other = np.repeat(first, count) + offset
        diagonal = np.repeat(position[own], count) - position_of[other] + width // 2
        hits, seeds = np.unique(
            ((query - start) * len(codes) + row_of[other]) * width + diagonal, return_counts=True
        )
        hits = hits[seeds >= _COMMON]
        pair, shift = hits // width, hits % width - width // 2
        one, two = pair // len(codes) + start, pair % len(codes)
        wanted = limit * _UNGAPPED * np.maximum(lengths[one], lengths[two])
        chosen = _equal_on(codes, one, two, shift) >= wanted
        found.append(np.unique(np.stack([one[chosen], two[chosen]], axis=1), axis=0))
    return np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)


def _words(
    codes: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row, position and number (W,) of each k-mer of the 20 amino acids, by row."""
    base = len(AMINO_ACIDS)
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), K, axis=1)
    row, position = np.nonzero((windows < base).all(axis=2))
    number = windows[row, position] @ (base ** np.arange(K))
    return row, position, number


def _equal_on(
    codes: NDArray[np.uint8],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Equal residues (P,) of pairs of windows, of which the second is moved right by `shift`."""
    length = codes.shape[1]
    # What stands beside nothing is equal to nothing.
    padded = np.full((len(codes), 3 * length), PAD + 1, dtype=np.uint8)
    padded[:, length : 2 * length] = np.where(codes == PAD, PAD + 1, codes)
    moved = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)
    equal: NDArray[np.int64] = (codes[first] == moved[second, length - shift]).sum(axis=1)
    return equal
