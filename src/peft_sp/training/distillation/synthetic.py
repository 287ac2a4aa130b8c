"""Windows that no protein has, for teachers to judge: crossed, mutated and cut short.

What a teacher says of the windows that it learned from is little more than their labels. These
are near them but new to it, and lie where its decision turns: behind which residue a changed
signal peptide is cut, and from which change on it is none. They have no labels.
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
"""Share of the windows whose rest is another one's."""
ALIKE = 0.75
"""Share of these whose other one is of the same organism and type; else of the same organism."""
JOINTS = range(-6, 16)
"""Where they are joined, in residues behind the middles of both hydrophobic stretches: from
within the n-region to behind the cut."""
PARENTS = 8
"""How many windows a mosaic copies, in turns."""
MOSAICS_ALIKE = 0.95
"""Share of these that are of the same organism and type; others of the same organism."""
CHANGES = (0.02, 0.25)
"""Chance that behind a residue another one is copied: for each mosaic one between these."""
MUTATED = 0.3
"""At most this share of a window's residues is exchanged; for each window a share below it."""
TRUNCATED = 0.25
"""Share of the windows that are cut short, at any place."""


def mutants(
    residues: Tensor, classes: Sequence[Hashable], rows: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Near ones: windows (R, WINDOW) from those in `rows` of residues (N, WINDOW), uint8 codes.

    classes (N,): pairs of organism and type.
    """
    centres = torch.from_numpy(hydropathy_peaks(residues.numpy())[1])
    places = torch.arange(WINDOW)
    picked = torch.tensor(rows)
    partners = _partners(classes, rows, ALIKE, generator)
    count = len(picked)
    offsets = torch.randint(JOINTS.start, JOINTS.stop, (count,), generator=generator)
    joints = (centres[picked] + offsets).clamp(1, WINDOW)
    source = places - joints[:, None] + (centres[partners] + offsets).clamp(1, WINDOW)[:, None]
    rest = residues[partners].gather(1, source.clamp(0, WINDOW - 1))
    rest = torch.where(source < WINDOW, rest, PAD)
    chosen = torch.rand(count, generator=generator) < CROSSED
    crossed = chosen[:, None] & (places >= joints[:, None])
    # Own windows may end before the joint: then they stay as they are.
    crossed &= ((residues[picked] != PAD).sum(1) >= joints)[:, None]
    return _mutated(torch.where(crossed, rest, residues[picked]), generator)


def mosaics(
    residues: Tensor, classes: Sequence[Hashable], rows: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Far ones, of many pieces: arguments and result as of `mutants`.

    Each residue is copied from a window of the same class, at the same distance from the middle
    of its hydrophobic stretch; along the window the copied one changes now and then. So pieces
    are real, such as the residues around a cut, and wholes are like no protein.
    """
    centres = torch.from_numpy(hydropathy_peaks(residues.numpy())[1])
    picked = torch.tensor(rows)
    own, count = residues[picked], len(picked)
    repeated = [row for row in rows for _ in range(PARENTS)]
    parents = _partners(classes, repeated, MOSAICS_ALIKE, generator).view(count, PARENTS)
    rates = CHANGES[0] + (CHANGES[1] - CHANGES[0]) * torch.rand(count, 1, generator=generator)
    changes = (torch.rand(count, WINDOW, generator=generator) < rates).cumsum(1)
    copied = parents.gather(1, changes % PARENTS)  # (R, L)
    places = torch.arange(WINDOW)
    source = places - centres[picked][:, None] + centres[copied]
    # A first methionine stays first.
    inside = (places > 0) & (source > 0) & (source < WINDOW)
    found = residues[copied, source.clamp(0, WINDOW - 1)]
    made = torch.where((changes > 0) & inside & (found != PAD) & (own != PAD), found, own)
    return _mutated(made, generator)


def _mutated(windows: Tensor, generator: torch.Generator) -> Tensor:
    """Windows (R, L) with residues exchanged for those that others have at the same place, so
    that places keep their composition, and some cut short.
    """

    def chance(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    count = len(windows)
    others = windows[torch.randperm(count, generator=generator)]
    exchanged = chance(count, WINDOW) < MUTATED * chance(count, 1)
    made = torch.where(exchanged & (others != PAD) & (windows != PAD), others, windows)
    lengths = (made != PAD).sum(1)
    room = (lengths - SHORTEST_FRAGMENT + 1).clamp(min=0) * chance(count)
    dropped = torch.where(chance(count) < TRUNCATED, room.long(), 0)
    return made.masked_fill((lengths - dropped)[:, None] <= torch.arange(WINDOW), PAD)


def _partners(
    classes: Sequence[Hashable], rows: Sequence[int], alike: float, generator: torch.Generator
) -> Tensor:
    """For each row another one's number (R,), of its class or of its organism."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, one in enumerate(classes):
        assert isinstance(one, tuple)
        groups[one].append(number)
        groups[one[0]].append(number)
    members: dict[Hashable, NDArray[np.int64]] = {k: np.array(v) for k, v in groups.items()}
    draws = torch.rand(len(rows), 2, generator=generator).tolist()
    found = []
    for row, (kind, place) in zip(rows, draws, strict=True):
        one = classes[row]
        assert isinstance(one, tuple)
        group = members[one if kind < alike else one[0]]
        found.append(int(group[int(place * len(group))]))
    return torch.tensor(found)
