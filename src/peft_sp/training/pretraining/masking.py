"""Which residues of a window are hidden from the network, and what it sees in their place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD
from peft_sp.training.pretraining.recipe import Masking

MASK = PAD + 1
"""Code of a hidden residue."""


def hide(
    residues: NDArray[np.uint8], masking: Masking, generator: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """What the network sees of residues (B, L), and which of them (B, L) it has to predict.

    In each window the same fraction is chosen, at least one residue; of these, some are shown as
    `MASK`, some as a random amino acid, and the rest as they are.
    """
    lengths = (residues != PAD).sum(1, keepdims=True)
    draws = np.where(residues == PAD, np.inf, generator.random(residues.shape))
    ranks = draws.argsort(axis=1).argsort(axis=1)
    chosen = ranks < np.maximum(1, np.rint(masking.fraction * lengths))
    fate = generator.random(residues.shape)
    others = generator.integers(len(AMINO_ACIDS), size=residues.shape, dtype=np.uint8)
    seen = np.where(chosen & (fate < masking.masked), np.uint8(MASK), residues)
    substituted = (fate >= masking.masked) & (fate < masking.masked + masking.substituted)
    return np.where(chosen & substituted, others, seen), chosen
