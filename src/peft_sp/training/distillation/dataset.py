"""A transfer set with its teachers' answers, as training batches."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import grammar
from peft_sp.training.dataset import Batch, LabelledWindows
from peft_sp.training.distillation.targets import (
    BLOCK,
    Report,
    Targets,
    predicted_types,
    teacher_targets,
)
from peft_sp.training.distillation.transfer_set import (
    TransferSet,
    full_width,
    make_transfer_set,
)
from peft_sp.training.inputs import Split
from peft_sp.training.options import Distillation


class DistilledWindows(Dataset[Batch]):
    """A transfer set with its targets.

    Batches are as of `LabelledWindows`, and hold beside "states" (B, L, S), the teachers'
    marginals, and "transitions" (B, S, S), their expected transition counts. varied,
    fresh_fraction: of the labelled windows in the transfer set's first part this fraction is
    varied anew whenever they are drawn. The teachers have no answer to these, so "distilled" (B,)
    is 0 for them and 1 for all others.
    """

    def __init__(
        self,
        transfer_set: TransferSet,
        targets: Targets,
        varied: LabelledWindows | None = None,
        fresh_fraction: float = 0,
    ) -> None:
        self.transfer_set, self.targets = transfer_set, targets
        self.classes = transfer_set.classes
        self.varied, self.fresh_fraction = varied, fresh_fraction
        self.arcs = torch.from_numpy(np.flatnonzero(grammar().transitions))

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        return self.batch(indices)

    def batch(self, indices: list[int], generator: torch.Generator | None = None) -> Batch:
        """A batch of some rows; generator: of what is varied, None for torch's global one."""
        size = grammar().size
        residues = self.transfer_set.residues[indices]
        allowed = self.transfer_set.allowed[indices]
        states, counts = self.targets.of(indices)
        transitions = torch.zeros(len(indices), size * size)
        transitions[:, self.arcs] = counts
        distilled = torch.ones(len(indices))
        if self.varied is not None and self.fresh_fraction:
            labelled = torch.tensor(indices) < self.transfer_set.parts[0]
            drawn = torch.rand(len(indices), generator=generator) < self.fresh_fraction
            fresh = torch.nonzero(labelled & drawn).squeeze(1)
            if len(fresh):
                own = self.varied.batch([indices[row] for row in fresh.tolist()], generator)
                residues[fresh] = full_width(own["residues"], PAD)
                allowed[fresh] = full_width(own["allowed"], False)
                distilled[fresh] = 0.0
        longest = int((residues != PAD).sum(1).max())
        return {
            "residues": residues[:, :longest],
            "allowed": allowed[:, :longest],
            "types": self.transfer_set.types[indices],
            "states": states[:, :longest],
            "transitions": transitions.view(len(indices), size, size),
            "distilled": distilled,
        }


def distilled_windows(
    varied: LabelledWindows,
    split: Split,
    options: Distillation,
    seed: int,
    directory: str | os.PathLike[str],
    *,
    progress: Report | None = None,
    block: int = BLOCK,
) -> DistilledWindows:
    """The student's windows with the answers of the split's teachers.

    varied: the split's training windows with their augmentation. directory: where targets are
    stored, for every run that has the same teachers and windows. progress, block: see
    `teacher_targets`. Raises what it and `open_input` raise.
    """
    transfer_set = make_transfer_set(varied, split.unlabelled_windows, options, seed)
    targets = teacher_targets(
        split.teachers,
        options,
        transfer_set,
        Path(directory),
        progress=progress,
        block=block,
    )
    types = [name for part in targets.states for name in predicted_types(part)]
    classes = [
        ("unlabelled", name) if own is None else own
        for own, name in zip(transfer_set.classes, types, strict=True)
    ]
    complete = replace(transfer_set, classes=classes)
    return DistilledWindows(complete, targets, varied, options.fresh_fraction)
