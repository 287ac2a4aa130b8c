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
MUTATED = 0.3
"""At most this share of a window's residues is exchanged; for each window a share below it."""
TRUNCATED = 0.25
"""Share of the windows that are cut short, at any place."""


def mutants(
    residues: Tensor, classes: Sequence[Hashable], rows: Sequence[int], generator: torch.Generator
) -> Tensor:
    """New windows (R, WINDOW) from those in `rows` of residues (N, WINDOW), uint8 codes.

    classes (N,): pairs of organism and type. A residue is exchanged for the one that another of
    the windows has at the same place, so that places keep their composition.
    """
    centres = torch.from_numpy(hydropathy_peaks(residues.numpy())[1])
    places = torch.arange(WINDOW)
    picked = torch.tensor(rows)
    partners = _partners(classes, rows, generator)

    def chance(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    count = len(picked)
    offsets = torch.randint(JOINTS.start, JOINTS.stop, (count,), generator=generator)
    joints = (centres[picked] + offsets).clamp(1, WINDOW)
    source = places - joints[:, None] + (centres[partners] + offsets).clamp(1, WINDOW)[:, None]
    rest = residues[partners].gather(1, source.clamp(0, WINDOW - 1))
    rest = torch.where(source < WINDOW, rest, PAD)
    crossed = (chance(count) < CROSSED)[:, None] & (places >= joints[:, None])
    # Own windows may end before the joint: then they stay as they are.
    crossed &= ((residues[picked] != PAD).sum(1) >= joints)[:, None]
    made = torch.where(crossed, rest, residues[picked])

    others = made[torch.randperm(count, generator=generator)]
    exchanged = chance(count, WINDOW) < MUTATED * chance(count, 1)
    made = torch.where(exchanged & (others != PAD) & (made != PAD), others, made)

    lengths = (made != PAD).sum(1)
    room = (lengths - SHORTEST_FRAGMENT + 1).clamp(min=0) * chance(count)
    dropped = torch.where(chance(count) < TRUNCATED, room.long(), 0)
    return made.masked_fill((lengths - dropped)[:, None] <= places, PAD)


def _partners(
    classes: Sequence[Hashable], rows: Sequence[int], generator: torch.Generator
) -> Tensor:
    """For each row another one's number (R,), of its class or of its organism."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for number, one in enumerate(classes):
        assert isinstance(one, tuple)
        alike[one].append(number)
        alike[one[0]].append(number)
    members: dict[Hashable, NDArray[np.int64]] = {k: np.array(v) for k, v in alike.items()}
    draws = torch.rand(len(rows), 2, generator=generator).tolist()
    found = []
    for row, (kind, place) in zip(rows, draws, strict=True):
        one = classes[row]
        assert isinstance(one, tuple)
        group = members[one if kind < ALIKE else one[0]]
        found.append(int(group[int(place * len(group))]))
    return torch.tensor(found)
