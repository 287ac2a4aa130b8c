"""The batches of a training run: the same ones, however many processes share them.

What stands in a batch, and how it is varied, follows from the seed, the epoch and the batch's
number alone. Each process makes the whole batch, which costs little, and keeps its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from peft_sp.training.dataset import BalancedSampler, Batch, LabelledWindows, as_is
from peft_sp.training.distillation.dataset import DistilledWindows
from peft_sp.training.fitting.processes import share

Windows = LabelledWindows | DistilledWindows


@dataclass(frozen=True)
class Draw:
    """Which windows stand in a batch, and the seeds of how they are varied."""

    rows: list[int]
    seeds: tuple[int, int, int]


class Draws(Sampler[Draw]):
    """An epoch's windows, in the sampler's order, `size` to a batch and the rest in the last."""

    def __init__(self, sampler: BalancedSampler, size: int) -> None:
        self.sampler, self.size = sampler, size

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.size)

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch."""
        self.sampler.set_epoch(epoch)

    def __iter__(self) -> Iterator[Draw]:
        rows, sampler = list(self.sampler), self.sampler
        for number in range(len(self)):
            start = number * self.size
            seeds = (sampler.seed, sampler.epoch, number)
            yield Draw(rows[start : start + self.size], seeds)


class Shares(Dataset[Batch]):
    """The share of this process in a batch of windows, see `divided`."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    def __getitems__(self, draw: Draw) -> Batch:
        seed = np.random.SeedSequence(draw.seeds).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed[0]))
        return divided(self.windows.batch(draw.rows, generator))


def divided(batch: Batch) -> Batch:
    """What of a batch falls to this process, with "weights" (B,) and "total" (), both float.

    The loss of a batch is the sum over all processes of weighted losses, divided by its total. A
    process to which nothing falls, since the last batch is too small for all, gets a window of
    weight 0: it takes part in the step like the others.
    """
    size = len(batch["residues"])
    rows = share(size)
    own = {key: tensor[rows.start : rows.stop] for key, tensor in batch.items()}
    weights = torch.ones(len(rows))
    if not rows:
        own, weights = {key: tensor[:1] for key, tensor in batch.items()}, torch.zeros(1)
    return {**own, "weights": weights, "total": torch.tensor(float(size))}


def mean_of_step(losses: Tensor, batch: Batch, total: Tensor, processes: int) -> Tensor:
    """What a process takes the gradient of, so that the mean over processes is the step's.

    losses (B,): of its share; total: windows of the whole step. DDP and FSDP average gradients,
    so that each process counts for as many as there are.
    """
    return (losses * batch["weights"]).sum() * processes / total


class Batches(DataLoader[Batch]):
    """Batches for the trainer, which tells the epoch."""

    def __init__(self, windows: Windows, sampler: BalancedSampler, size: int) -> None:
        self.draws = Draws(sampler, size)
        # As they come: a batch of indices is one draw, and a batch of samples a whole batch.
        super().__init__(
            Shares(windows),
            batch_sampler=self.draws,  # type: ignore[arg-type]
            collate_fn=as_is,  # type: ignore[arg-type]
        )

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.draws.set_epoch(epoch)
