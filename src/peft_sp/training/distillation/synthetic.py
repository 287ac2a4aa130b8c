"""Windows that no protein has, for teachers to answer: crossed, mutated and cut short.

A teacher's posterior for the windows that it was trained on is little more than their labels.
These are near them but new to it, and lie where its decision turns: behind which residue a
changed signal peptide is cut, and from which change on it is none. They have no labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peft_sp.biology.alphabet import PAD, hydropathy_peaks
from peft_sp.biology.grammar import WINDOW
from peft_sp.training.dataset import SHORTEST_FRAGMENT

CROSSED = 0.5
"""Probability that the rest of a recombinant is another window's."""
ALIKE = 0.75
"""Probability that the other window is of the same organism and type; else of the organism."""
JUNCTIONS = range(-6, 16)
"""Where the two are joined, in residues behind the middles of both hydrophobic stretches: from
within the n-region to behind the cut."""
PARENTS = 8
"""How many windows a mosaic copies, in turns."""
MOSAICS_ALIKE = 0.95
"""Probability that one of these is of the same organism and type; else of the same organism."""
SWITCHES = (0.02, 0.25)
"""Probability that behind a residue another window is copied: for each mosaic one between these."""
MUTATED = 0.3
"""At most this fraction of a window's residues is exchanged; for each window one below it."""
TRUNCATED = 0.25
"""Probability that a window is cut short, at any position."""


def recombinants(
    residues: Tensor,
    classes: Sequence[Hashable],
    rows: Sequence[int],
    generator: torch.Generator,
    *,
    crossed: float = CROSSED,
    mutated: float = MUTATED,
    truncated: float = TRUNCATED,
) -> Tensor:
    """Windows (R, WINDOW), near those in `rows` of residues (N, WINDOW) uint8 codes.

    classes (N,): pairs of organism and type. crossed, mutated, truncated: see the constants.
    """
    centres = torch.from_numpy(hydropathy_peaks(residues.numpy())[1])
    positions = torch.arange(WINDOW)
    picked = torch.tensor(rows)
    partners = _partners(classes, rows, ALIKE, generator)
    count = len(picked)
    offsets = torch.randint(JUNCTIONS.start, JUNCTIONS.stop, (count,), generator=generator)
    junctions = (centres[picked] + offsets).clamp(1, WINDOW)
    shift = (centres[partners] + offsets).clamp(1, WINDOW) - junctions
    source = positions + shift[:, None]
    rest = residues[partners].gather(1, source.clamp(0, WINDOW - 1))
    rest = torch.where(source < WINDOW, rest, PAD)
    chosen = torch.rand(count, generator=generator) < crossed
    exchanged = chosen[:, None] & (positions >= junctions[:, None])
    # Own windows may end before the junction: then they stay as they are.
    exchanged &= ((residues[picked] != PAD).sum(1) >= junctions)[:, None]
    made = torch.where(exchanged, rest, residues[picked])
    return _mutated(made, generator, mutated, truncated)


def mosaics(
    residues: Tensor,
    classes: Sequence[Hashable],
    rows: Sequence[int],
    generator: torch.Generator,
    *,
    switches: tuple[float, float] = SWITCHES,
    mutated: float = MUTATED,
    truncated: float = TRUNCATED,
) -> Tensor:
    """Windows of many pieces, further away: arguments and result as of `recombinants`.

    Each residue is copied from a window of the same class, at the same distance from the middle
    of its hydrophobic stretch; along the window the copied one changes now and then. So pieces
    are real, such as the residues around a cut, and wholes are like no protein. switches: see
    the constant.
    """
    centres = torch.from_numpy(hydropathy_peaks(residues.numpy())[1])
    picked = torch.tensor(rows)
    own, count = residues[picked], len(picked)
    repeated = [row for row in rows for _ in range(PARENTS)]
    parents = _partners(classes, repeated, MOSAICS_ALIKE, generator).view(count, PARENTS)
    low, high = switches
    rates = low + (high - low) * torch.rand(count, 1, generator=generator)
    pieces = (torch.rand(count, WINDOW, generator=generator) < rates).cumsum(1)
    copied = parents.gather(1, pieces % PARENTS)  # (R, L)
    positions = torch.arange(WINDOW)
    source = positions - centres[picked][:, None] + centres[copied]
    # A first methionine stays first.
    inside = (positions > 0) & (source > 0) & (source < WINDOW)
    other = residues[copied, source.clamp(0, WINDOW - 1)]
    made = torch.where((pieces > 0) & inside & (other != PAD) & (own != PAD), other, own)
    return _mutated(made, generator, mutated, truncated)


def _mutated(
    windows: Tensor, generator: torch.Generator, mutated: float, truncated: float
) -> Tensor:
    """Windows (R, L) with residues exchanged for those that others have at the same position, so
    that positions keep their composition, and some windows cut short.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    count = len(windows)
    others = windows[torch.randperm(count, generator=generator)]
    exchanged = uniform(count, WINDOW) < mutated * uniform(count, 1)
    made = torch.where(exchanged & (others != PAD) & (windows != PAD), others, windows)
    lengths = (made != PAD).sum(1)
    room = (lengths - SHORTEST_FRAGMENT + 1).clamp(min=0) * uniform(count)
    dropped = torch.where(uniform(count) < truncated, room.long(), 0)
    return made.masked_fill((lengths - dropped)[:, None] <= torch.arange(WINDOW), PAD)


def _partners(
    classes: Sequence[Hashable], rows: Sequence[int], alike: float, generator: torch.Generator
) -> Tensor:
    """For each row another window's number (R,): of its class with probability `alike`, else of
    its organism.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, one in enumerate(classes):
        assert isinstance(one, tuple)
        groups[one].append(number)
        groups[one[0]].append(number)
    members: dict[Hashable, NDArray[np.int64]] = {k: np.array(v) for k, v in groups.items()}
    draws = torch.rand(len(rows), 2, generator=generator).tolist()
    partners = []
    for row, (choice, position) in zip(rows, draws, strict=True):
        one = classes[row]
        assert isinstance(one, tuple)
        group = members[one if choice < alike else one[0]]
        partners.append(int(group[int(position * len(group))]))
    return torch.tensor(partners)
