"""The transfer set: the windows that a student is trained on, before its teachers answer them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from peft_sp.biology.alphabet import PAD, encode, hydropathy_peaks
from peft_sp.biology.grammar import WINDOW, grammar
from peft_sp.training.dataset import BalancedSampler, LabelledWindows, WindowTable
from peft_sp.training.distillation.synthetic import mosaics, recombinants
from peft_sp.training.options import Distillation

CHIMERA_BATCH = 64
"""Augmented copies that are made together, and may exchange mature parts."""
Purpose = Literal["copies", "recombinants", "mosaics"]
PURPOSES: tuple[Purpose, ...] = ("copies", "recombinants", "mosaics")
"""What random streams are for; their order is part of every stream, so new ones come last."""


@dataclass(frozen=True)
class TransferSet:
    """N windows for a student.

    residues (N, WINDOW) uint8 codes; allowed (N, WINDOW, S) bool, from labels, or all True for
    windows without labels; types (N,) index into `TYPES`; classes, of each window, None without
    labels. parts: numbers of windows of each origin, in their order: labelled ones, each draw of
    augmented copies, of recombinants and of mosaics, unlabelled ones.
    """

    residues: Tensor
    allowed: Tensor
    types: Tensor
    classes: list[Hashable]
    parts: list[int]


def random_stream(seed: int, purpose: Purpose, draw: int) -> torch.Generator:
    """The generator of one draw of a transfer set.

    Its own for each seed, purpose and number of the draw, and independent of all others and of
    those that training draws from: more draws of one kind change none of another.
    """
    key = (PURPOSES.index(purpose), draw)
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def make_transfer_set(
    varied: LabelledWindows, unlabelled: Sequence[str], options: Distillation, seed: int
) -> TransferSet:
    """All windows, in the order that `TransferSet` says.

    varied: the labelled windows with the augmentation that copies are made by. unlabelled:
    windows of unlabelled proteins, of which those below the least hydropathy are left out.
    """
    table = varied.table
    parts = [_Part(table.residues, table.allowed, table.types, table.classes)]
    parts += _copies(varied, options, seed)
    parts += map(_without_labels, _synthetic(table, options, seed))
    codes = encode(unlabelled, WINDOW)
    if options.min_hydropathy is not None:
        codes = codes[hydropathy_peaks(codes)[0] >= options.min_hydropathy]
    parts += [_without_labels(torch.from_numpy(codes))] if len(codes) else []
    return TransferSet(
        torch.cat([part.residues for part in parts]),
        torch.cat([part.allowed for part in parts]),
        torch.cat([part.types for part in parts]),
        [one for part in parts for one in part.classes],
        [len(part.classes) for part in parts],
    )


class _Part(NamedTuple):
    """Windows of one origin; columns as of `TransferSet`."""

    residues: Tensor
    allowed: Tensor
    types: Tensor
    classes: list[Hashable]


def _without_labels(residues: Tensor) -> _Part:
    count = len(residues)
    allowed = torch.ones(count, WINDOW, grammar().size, dtype=torch.bool)
    types = torch.zeros(count, dtype=torch.long)  # no region term: NO_SP has none
    return _Part(residues, allowed, types, [None] * count)


def _copies(varied: LabelledWindows, options: Distillation, seed: int) -> Iterator[_Part]:
    """Draws of all labelled windows, each augmented once."""
    sampler = BalancedSampler(varied.classes, options.class_balance, seed, options.rare_class_size)
    for draw in range(options.augmented_copies):
        generator = random_stream(seed, "copies", draw)
        rows = sampler.draw(generator)
        batches = [
            varied.batch(rows[start : start + CHIMERA_BATCH], generator)
            for start in range(0, len(rows), CHIMERA_BATCH)
        ]
        yield _Part(
            torch.cat([full_width(batch["residues"], PAD) for batch in batches]),
            torch.cat([full_width(batch["allowed"], False) for batch in batches]),
            torch.cat([batch["types"] for batch in batches]),
            [varied.classes[row] for row in rows],
        )


def full_width(columns: Tensor, filling: int | bool) -> Tensor:
    """Columns (B, L, ...) -> (B, WINDOW, ...)."""
    full = columns.new_full((len(columns), WINDOW, *columns.shape[2:]), filling)
    full[:, : columns.shape[1]] = columns
    return full


def _synthetic(table: WindowTable, options: Distillation, seed: int) -> Iterator[Tensor]:
    """Each draw of recombinants and of mosaics: windows (R, WINDOW)."""
    sampler = BalancedSampler(table.classes, options.class_balance, seed, options.rare_class_size)
    for draw in range(options.recombinants):
        generator = random_stream(seed, "recombinants", draw)
        yield recombinants(table.residues, table.classes, sampler.draw(generator), generator)
    for draw in range(options.mosaics):
        generator = random_stream(seed, "mosaics", draw)
        yield mosaics(table.residues, table.classes, sampler.draw(generator), generator)
