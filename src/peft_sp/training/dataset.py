"""Labelled proteins as tensors, and the order in which they are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from peft_sp.biology.alphabet import PAD, RESIDUES, encode
from peft_sp.biology.grammar import DECLARATION_OF_TYPE, TOPOLOGY, TYPES, WINDOW, grammar, state
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


@dataclass(frozen=True)
class WindowTable:
    """N labelled windows as tensors, one row a protein.

    residues (N, WINDOW) uint8 codes, `PAD` behind each end; allowed (N, WINDOW, S) bool, the
    states that the labels allow at each residue; types (N,) index into `TYPES`; lengths (N,);
    shortest (N,) length to which augmentation may cut a window; junctions (N,) first position
    (0-based) of the mature part that may be exchanged, 0 for none; classes, of each window.
    """

    residues: Tensor
    allowed: Tensor
    types: Tensor
    lengths: Tensor
    shortest: Tensor
    junctions: Tensor
    classes: list[Hashable]

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, rows: Sequence[int]) -> WindowTable:
        """The table of some rows, in their order."""
        picked = torch.as_tensor(rows, dtype=torch.long)
        return WindowTable(
            residues=self.residues[picked],
            allowed=self.allowed[picked],
            types=self.types[picked],
            lengths=self.lengths[picked],
            shortest=self.shortest[picked],
            junctions=self.junctions[picked],
            classes=[self.classes[row] for row in rows],
        )


def tabulate(proteins: Sequence[LabelledProtein]) -> WindowTable:
    """Labelled proteins as a table. Raises InputError for labels that allow no path."""
    allowed = np.zeros((len(proteins), WINDOW, grammar().size), dtype=bool)
    for row, p in enumerate(proteins):
        try:
            allowed[row, : len(p.sequence)] = allowed_states(p.sequence, p.labels, p.type)
        except ValueError as error:
            raise InputError(str(error), record=p.accession) from None
    lengths = np.array([len(p.sequence) for p in proteins], dtype=np.int64)
    # A window may end wherever all residues from there on could be topology alone.
    beyond = allowed[:, :, grammar().ends].any(axis=2)
    fixed = (~beyond & (np.arange(WINDOW) < lengths[:, None])) * np.arange(WINDOW)
    shortest = np.maximum(fixed.max(axis=1) + 1 + MATURE_RESIDUES, SHORTEST_FRAGMENT)
    # The mature part may be exchanged from behind the cysteine of a lipobox on. Pilins keep
    # theirs, which begins with the rest of their signal.
    sites = [0 if DECLARATION_OF_TYPE[p.type].is_pilin else p.cleavage_site or 0 for p in proteins]
    return WindowTable(
        residues=torch.from_numpy(encode([p.sequence for p in proteins], WINDOW)),
        allowed=torch.from_numpy(allowed),
        types=torch.tensor([TYPES.index(p.type) for p in proteins]),
        lengths=torch.from_numpy(lengths),
        shortest=torch.from_numpy(np.minimum(shortest, lengths)),
        junctions=torch.tensor([site + 2 if site else 0 for site in sites]),
        classes=[p.organism_type for p in proteins],
    )


class LabelledWindows(Dataset[Batch]):
    """Windows with their allowed states, varied anew whenever they are drawn.

    A batch is {"residues": (B, L) uint8 codes, "allowed": (B, L, S) bool, "types": (B,)},
    with L the longest window of the batch.

    truncation: probability that a window is cut short at a random position behind the signal
    peptide, so that a network learns to do without what follows it, as it must for fragments.
    substitution: probability that a residue is drawn anew from its kind (`SIMILAR`).
    chimeras: probability that a signal peptide is set before the mature part of another protein
    of the batch: what follows a signal peptide is no evidence of its type.
    """

    def __init__(
        self,
        table: WindowTable,
        truncation: float = 0.0,
        substitution: float = 0.0,
        chimeras: float = 0.0,
    ) -> None:
        self.table, self.classes = table, table.classes
        self.truncation, self.substitution, self.chimeras = truncation, substitution, chimeras
        self.similar = similar_residues()
        self.topology = torch.tensor(
            [[state(name, label) for label in TOPOLOGY] for name in TYPES]
        )  # (K, 3): state of each topology label

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        return self.batch(indices)

    def batch(self, indices: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        """A batch of some rows; generator: of its augmentation, None for torch's global one."""
        rows = torch.as_tensor(indices, dtype=torch.long)
        table = self.table
        residues, allowed, lengths = table.residues[rows], table.allowed[rows], table.lengths[rows]
        if self.chimeras:
            residues, allowed, lengths = self._chimeras(rows, residues, allowed, lengths, generator)
        if self.substitution:
            choice = torch.randint(self.similar.shape[1], residues.shape, generator=generator)
            other = self.similar[residues.long(), choice]
            drawn = torch.rand(residues.shape, generator=generator) < self.substitution
            residues = torch.where(drawn, other, residues)
        if self.truncation:
            shortest = torch.minimum(table.shortest[rows], lengths)
            room = (lengths - shortest + 1) * torch.rand(len(rows), generator=generator)
            drawn = torch.rand(len(rows), generator=generator) < self.truncation
            dropped = torch.where(drawn, room.long(), 0)
            cut = (lengths - dropped)[:, None] <= torch.arange(WINDOW)
            residues = residues.masked_fill(cut, PAD)
        longest = int((residues != PAD).sum(1).max())
        return {
            "residues": residues[:, :longest],
            "allowed": allowed[:, :longest],
            "types": table.types[rows],
        }

    def _chimeras(
        self,
        indices: Tensor,
        residues: Tensor,
        allowed: Tensor,
        lengths: Tensor,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Exchange mature parts within a batch: residues (B, L), allowed (B, L, S), lengths."""
        types, junctions = self.table.types[indices], self.table.junctions[indices]
        able = torch.nonzero(junctions).squeeze(1)
        rows = able[torch.rand(len(able), generator=generator) < self.chimeras]
        if not len(rows):
            return residues, allowed, lengths
        partners = able[torch.randint(len(able), (len(rows),), generator=generator)]
        positions = torch.arange(WINDOW)
        source = positions - junctions[rows, None] + junctions[partners, None]  # (R, L)
        behind = positions >= junctions[rows, None]
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
            junctions[rows] + lengths[partners] - junctions[partners], torch.tensor(WINDOW)
        )
        return residues, allowed, lengths


def as_is(batch: Batch) -> Batch:
    """The collator: the data sets already return whole batches."""
    return batch


class BalancedSampler(Sampler[int]):
    """Draws one epoch: every window once (balance 0), or classes evened out.

    classes (N,): of each window. With balance b a window of a class of n is drawn with weight
    n^-b, with replacement, as many times as there are windows. With `rare` a class of more
    counts as one of that many: the common classes keep their proportions to each other, so that
    a network learns how frequent they are, and only the rare ones are drawn more often. The
    order depends on the seed and the epoch alone, so that a resumed run ends as one that was
    never stopped.
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
        return iter(self.draw(generator))

    def draw(self, generator: torch.Generator) -> list[int]:
        """Row numbers (N,) of one epoch, by a generator of one's own."""
        size = len(self.weights)
        if self.balance:
            drawn = torch.multinomial(self.weights, size, replacement=True, generator=generator)
        else:
            drawn = torch.randperm(size, generator=generator)
        rows: list[int] = drawn.tolist()
        return rows
