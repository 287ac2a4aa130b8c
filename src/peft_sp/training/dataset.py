"""Labelled proteins as tensors, and the order in which they are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from peft_sp.biology.alphabet import PAD, RESIDUES, encode
from peft_sp.biology.grammar import TOPOLOGY, TYPES, WINDOW, grammar, state
from peft_sp.biology.tagging import allowed_states
from peft_sp.errors import InputError
from peft_sp.io.labelled import LabelledProtein

Batch = dict[str, Tensor]
SHORTEST_FRAGMENT = 20
"""Windows are not cut shorter than this."""
MATURE_RESIDUES = 5
"""Residues behind the cut that stay: the peptidase reads some of them."""


SIMILAR = ("ILVM", "FWY", "DE", "NQ", "AS")
"""Kinds whose members replace each other in signal peptides as a rule. Glycine, proline,
cysteine, threonine and the basic residues have none and stay."""


def similar_residues() -> Tensor:
    """For each residue code, and for padding, the codes (26, 4) of its kind, itself included."""
    table = np.repeat(np.arange(PAD + 1, dtype=np.uint8)[:, None], 4, axis=1)
    for kind in SIMILAR:
        codes = [RESIDUES.index(letter) for letter in kind]
        table[codes] = np.resize(codes, 4)
    return torch.from_numpy(table)


class LabelledWindows(Dataset[Batch]):
    """Windows with their allowed states.

    A batch is {"residues": (B, L) uint8 codes, "allowed": (B, L, S) bool, "types": (B,)},
    with L the longest window of the batch. Raises InputError for a protein whose labels
    allow no path.

    truncation: share of the windows that are cut short at a random place behind the signal
    peptide, so that a network learns to do without what follows it, as it must for fragments.
    substitution: share of the residues that are drawn anew from their kind (`SIMILAR`).
    chimeras: share of the signal peptides that are set before the mature part of another protein
    of the batch: what follows a signal peptide is no evidence of its type.
    """

    def __init__(
        self,
        proteins: Sequence[LabelledProtein],
        truncation: float = 0.0,
        substitution: float = 0.0,
        chimeras: float = 0.0,
    ) -> None:
        self.classes: list[Hashable] = [p.organism_type for p in proteins]
        self.truncation, self.substitution, self.chimeras = truncation, substitution, chimeras
        self.similar = similar_residues()
        self.residues = torch.from_numpy(encode([p.sequence for p in proteins], WINDOW))
        allowed = np.zeros((len(proteins), WINDOW, grammar().size), dtype=bool)
        for row, p in enumerate(proteins):
            try:
                allowed[row, : len(p.sequence)] = allowed_states(p.sequence, p.labels, p.type)
            except ValueError as error:
                raise InputError(str(error), record=p.accession) from None
        self.allowed = torch.from_numpy(allowed)
        self.types = torch.tensor([TYPES.index(p.type) for p in proteins])
        self.lengths = torch.tensor([len(p.sequence) for p in proteins])
        # A window may end wherever all residues from there on could be topology alone.
        beyond = allowed[:, :, grammar().ends].any(axis=2)
        fixed = (~beyond & (np.arange(WINDOW) < self.lengths.numpy()[:, None])) * np.arange(WINDOW)
        shortest = np.maximum(fixed.max(axis=1) + 1 + MATURE_RESIDUES, SHORTEST_FRAGMENT)
        self.shortest = torch.minimum(torch.from_numpy(shortest), self.lengths)
        # Where the mature part may be exchanged from: behind the cysteine of a lipobox. Pilins
        # keep theirs, which begins with the rest of their signal.
        sites = [0 if p.type == "PILIN" else p.cleavage_site or 0 for p in proteins]
        self.joints = torch.tensor([site + 2 if site else 0 for site in sites])
        self.topology = torch.tensor(
            [[state(name, place) for place in TOPOLOGY] for name in TYPES]
        )  # (K, 3): state of each topology label

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        residues, allowed = self.residues[indices], self.allowed[indices]
        lengths = self.lengths[indices]
        if self.chimeras:
            residues, allowed, lengths = self._chimeras(indices, residues, allowed, lengths)
        if self.substitution:
            choice = torch.randint(self.similar.shape[1], residues.shape)
            other = self.similar[residues.long(), choice]
            residues = torch.where(torch.rand(residues.shape) < self.substitution, other, residues)
        if self.truncation:
            shortest = torch.minimum(self.shortest[indices], lengths)
            room = (lengths - shortest + 1) * torch.rand(len(indices))
            dropped = torch.where(torch.rand(len(indices)) < self.truncation, room.long(), 0)
            cut = (lengths - dropped)[:, None] <= torch.arange(WINDOW)
            residues = residues.masked_fill(cut, PAD)
        longest = int((residues != PAD).sum(1).max())
        return {
            "residues": residues[:, :longest],
            "allowed": allowed[:, :longest],
            "types": self.types[indices],
        }

    def _chimeras(
        self, indices: list[int], residues: Tensor, allowed: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Exchange mature parts within a batch: residues (B, L), allowed (B, L, S), lengths."""
        types, joints = self.types[indices], self.joints[indices]
        able = torch.nonzero(joints).squeeze(1)
        rows = able[torch.rand(len(able)) < self.chimeras]
        if not len(rows):
            return residues, allowed, lengths
        partners = able[torch.randint(len(able), (len(rows),))]
        places = torch.arange(WINDOW)
        source = places - joints[rows, None] + joints[partners, None]  # (R, L)
        behind = places >= joints[rows, None]
        exists = behind & (source < lengths[partners, None])
        source = source.clamp(0, WINDOW - 1)
        mature = residues[partners].gather(1, source)
        mature = torch.where(exists, mature, PAD)
        # The partner's topology, in the states of the type that it now belongs to.
        columns = self.topology[types[partners]][:, None].expand(-1, WINDOW, -1)
        labels = allowed[partners].gather(2, columns)  # (R, L, 3)
        labels = labels.gather(1, source[..., None].expand(-1, -1, len(TOPOLOGY)))
        own = torch.zeros_like(allowed[rows])
        own.scatter_(2, self.topology[types[rows]][:, None].expand(-1, WINDOW, -1), labels)
        residues, allowed, lengths = residues.clone(), allowed.clone(), lengths.clone()
        residues[rows] = torch.where(behind, mature, residues[rows])
        allowed[rows] = torch.where(behind[..., None], own, allowed[rows])
        lengths[rows] = torch.minimum(
            joints[rows] + lengths[partners] - joints[partners], torch.tensor(WINDOW)
        )
        return residues, allowed, lengths


def as_is(batch: Batch) -> Batch:
    """The collator: `LabelledWindows` already returns whole batches."""
    return batch


class BalancedSampler(Sampler[int]):
    """Draws one epoch: every window once (balance 0), or classes evened out.

    classes (N,): of each window. With balance b a window of a class of n is drawn with weight
    n^-b, with replacement, as many times as there are windows. With `rare` a class of more
    counts as one of that many: the common classes keep their proportions to each other, so that
    a network learns how frequent they are, and only the rare ones are drawn more often. The
    order depends on the seed and the epoch alone, so that a resumed run goes on as if never
    stopped.
    """

    def __init__(
        self,
        classes: Sequence[Hashable],
        balance: float,
        seed: int,
        rare: int | None = None,
    ) -> None:
        counts = Counter(classes)
        most = max(counts.values()) if rare is None else rare
        weights = [min(counts[one], most) ** -balance for one in classes]
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.balance, self.seed, self.epoch = balance, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.weights)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        size = len(self.weights)
        if self.balance:
            drawn = torch.multinomial(self.weights, size, replacement=True, generator=generator)
        else:
            drawn = torch.randperm(size, generator=generator)
        return iter(drawn.tolist())
