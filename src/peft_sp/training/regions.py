"""What predicted signal peptides look like: region lengths, and how alike the regions are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import STATES, TYPES
from peft_sp.inference.decoding import Decoded
from peft_sp.training.composition import region_similarities

_LENGTHS = {"n": ("N", "RR", "P"), "h": ("H",), "c": ("C",)}
"""States of a region: the twin-arginine motif lies in the n-region."""


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


def region_scores(windows: Sequence[str], decoded: Decoded) -> list[RegionScores]:
    """Region scores of each type that is predicted at all, from the decoder's paths."""
    found = []
    for kind, name in enumerate(TYPES):
        rows = np.flatnonzero((decoded.types == kind) & (decoded.sites > 0))
        if not len(rows):
            continue
        paths = decoded.paths[rows]
        lengths = []
        for states in _LENGTHS.values():
            own = [s.index for s in STATES if s.type == name and s.name in states]
            lengths.append(float(np.isin(paths, own).sum(axis=1).mean()) if own else float("nan"))
        one_hot = torch.from_numpy(paths[..., None] == np.arange(len(STATES))).float()
        residues = torch.from_numpy(encode([windows[row] for row in rows.tolist()], paths.shape[1]))
        n_h, h_c = (float(x.mean()) for x in region_similarities(one_hot, residues))
        n_length, h_length, c_length = lengths
        h_c = float("nan") if np.isnan(c_length) else h_c
        found.append(RegionScores(name, len(rows), n_length, h_length, c_length, n_h, h_c))
    return found
