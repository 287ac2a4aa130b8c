"""What predicted signal peptides look like: region lengths, and how alike the regions are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import STATES, TYPES
from peft_sp.inference.decoding.decoder import Decoded
from peft_sp.training.fitting.region_loss import region_similarities

_LENGTHS = {"n": ("N", "RR", "P"), "h": ("H",), "c": ("C",)}
"""States of a region: the twin-arginine motif lies in the n-region."""
REGIONS = tuple(_LENGTHS)


@dataclass(frozen=True)
class RegionScores:
    """Of the windows predicted as a type: mean lengths in residues, NaN for regions that the
    type has not, and mean cosines of the amino acid compositions of neighbouring regions.
    """

    type: str
    count: int
    n_length: float
    h_length: float
    c_length: float
    n_h_cosine: float
    h_c_cosine: float


def window_lengths(decoded: Decoded) -> NDArray[np.int64]:
    """Residues (B, 3) of the n-, h- and c-region of each window as predicted.

    0 in windows without a cut and for regions that the type has not.
    """
    found = np.zeros((len(decoded.types), len(REGIONS)), dtype=np.int64)
    for column, states in enumerate(_LENGTHS.values()):
        own = [s.index for s in STATES if s.name in states]
        found[:, column] = np.isin(decoded.paths, own).sum(axis=1)
    return np.where(decoded.sites[:, None] > 0, found, 0)


def region_lengths(
    types: NDArray[np.int64], lengths: NDArray[np.int64]
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Lengths (B, 3) as `window_lengths` gives them, by predicted type (B,) and region.

    Types that are not predicted with a cut are left out, and of a type the regions it has not;
    the arrays of a type are in the order of its windows.
    """
    found: dict[str, dict[str, NDArray[np.int64]]] = {}
    for kind, name in enumerate(TYPES):
        rows = (types == kind) & (lengths > 0).any(axis=1)
        own = {s.name for s in STATES if s.type == name}
        if rows.any():
            found[name] = {
                region: lengths[rows, column]
                for column, (region, states) in enumerate(_LENGTHS.items())
                if own & set(states)
            }
    return found


def region_scores(windows: Sequence[str], decoded: Decoded) -> list[RegionScores]:
    """Region scores of each type that is predicted at all, from the decoder's paths."""
    found = []
    measured = region_lengths(decoded.types, window_lengths(decoded))
    for name, lengths in measured.items():
        rows = _predicted(decoded, TYPES.index(name))
        paths = decoded.paths[rows]
        one_hot = torch.from_numpy(paths[..., None] == np.arange(len(STATES))).float()
        residues = torch.from_numpy(encode([windows[row] for row in rows.tolist()], paths.shape[1]))
        n_h, h_c = (float(x.mean()) for x in region_similarities(one_hot, residues))
        n_length, h_length, c_length = (
            float(lengths[region].mean()) if region in lengths else float("nan")
            for region in _LENGTHS
        )
        h_c = float("nan") if np.isnan(c_length) else h_c
        found.append(RegionScores(name, len(rows), n_length, h_length, c_length, n_h, h_c))
    return found


def _predicted(decoded: Decoded, kind: int) -> NDArray[np.int64]:
    """Rows of the windows that are predicted as a type with a cut."""
    return np.flatnonzero((decoded.types == kind) & (decoded.sites > 0))
