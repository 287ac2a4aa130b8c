"""A student's windows with what its teachers say of them, as training batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import grammar
from peft_sp.io.labelled import LabelledProtein
from peft_sp.training.dataset import Batch, LabelledWindows
from peft_sp.training.distillation.targets import Report, Targets, ask_teachers, predicted_types
from peft_sp.training.distillation.teachers import teachers
from peft_sp.training.distillation.transfer_set import Pool, make_pool, wide
from peft_sp.training.recipe import Recipe


class DistilledWindows(Dataset[Batch]):
    """A pool with its targets: batches as of `LabelledWindows`, with "states" and "moves".

    varied, fresh: the labelled windows of the pool's first part, of which a share is varied anew
    whenever they are drawn. No teacher was asked of these, so "taught" (B,) is 0 for them and
    1 for all others.
    """

    def __init__(
        self, pool: Pool, targets: Targets, varied: LabelledWindows | None = None, fresh: float = 0
    ) -> None:
        self.pool, self.targets, self.classes = pool, targets, pool.classes
        self.varied, self.fresh = varied, fresh
        self.arrows = torch.from_numpy(np.flatnonzero(grammar().transitions))

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        size = grammar().size
        residues, allowed = self.pool.residues[indices], self.pool.allowed[indices]
        states, arrows = self.targets.of(indices)
        moves = torch.zeros(len(indices), size * size)
        moves[:, self.arrows] = arrows
        taught = torch.ones(len(indices))
        if self.varied is not None and self.fresh:
            labelled = torch.tensor(indices) < self.pool.parts[0]
            anew = torch.nonzero(labelled & (torch.rand(len(indices)) < self.fresh)).squeeze(1)
            if len(anew):
                own = self.varied.__getitems__([indices[row] for row in anew.tolist()])
                residues[anew] = wide(own["residues"], PAD)
                allowed[anew] = wide(own["allowed"], False)
                taught[anew] = 0.0
        longest = int((residues != PAD).sum(1).max())
        return {
            "residues": residues[:, :longest],
            "allowed": allowed[:, :longest],
            "types": self.pool.types[indices],
            "states": states[:, :longest],
            "moves": moves.view(len(indices), size, size),
            "taught": taught,
        }


def distilled_windows(
    recipe: Recipe,
    learned: Sequence[LabelledProtein],
    avoid: Iterable[str],
    folder: str | os.PathLike[str],
    progress: Report | None = None,
) -> DistilledWindows:
    """The student's windows with what its recipe's teachers say of them.

    learned: the labelled proteins to learn from; avoid: windows that are judged or tested.
    folder: where targets are kept, for whoever asks the same teachers of the same windows.
    Raises what `teachers` and `open_input` raise, and OutputError for a folder out of order.
    """
    options = recipe.distillation
    assert options is not None
    asked = teachers(recipe)
    pool = make_pool(recipe, options, learned, set(avoid))
    targets = ask_teachers(asked, options, pool, Path(folder), progress)
    kinds = [kind for part in targets.states for kind in predicted_types(part)]
    classes = [
        ("unlabelled", kind) if own is None else own
        for own, kind in zip(pool.classes, kinds, strict=True)
    ]
    fit = recipe.optimisation
    varied = LabelledWindows(learned, *fit.augmentation)
    return DistilledWindows(replace(pool, classes=classes), targets, varied, options.fresh_fraction)
