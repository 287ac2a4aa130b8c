"""The windows that a student learns from, before its teachers are asked of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from peft_sp.biology.alphabet import PAD, encode, hydropathy_peaks
from peft_sp.biology.grammar import WINDOW, grammar
from peft_sp.io.fasta import open_input
from peft_sp.io.labelled import LabelledProtein
from peft_sp.training.dataset import BalancedSampler, LabelledWindows
from peft_sp.training.distillation.synthetic import mosaics, mutants
from peft_sp.training.options import Distillation
from peft_sp.training.recipe import Recipe


@dataclass(frozen=True)
class Pool:
    """Windows for a student. `allowed` (N, L, S): from labels, or everything without any.

    parts: how many windows there are of each origin, in their order: the labelled ones, each
    draw of copies, of mutants and of mosaics, the unlabelled ones.
    """

    residues: Tensor
    allowed: Tensor
    types: Tensor
    classes: list[Hashable]
    parts: list[int]


def make_pool(
    recipe: Recipe,
    options: Distillation,
    learned: Sequence[LabelledProtein],
    avoid: set[str],
) -> Pool:
    """All windows: labelled ones, then varied copies, mutants, mosaics, unlabelled ones."""
    plain = LabelledWindows(learned)
    residues, allowed, types = [plain.residues], [plain.allowed], [plain.types]
    classes: list[Hashable] = list(plain.classes)
    parts = [len(plain)]
    fit = recipe.optimisation
    if options.augmented_copies:
        varied = LabelledWindows(learned, *fit.augmentation)
        sampler = BalancedSampler(
            varied.classes, options.class_balance, recipe.seed, options.rare_class_size
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            for number in range(options.augmented_copies):
                sampler.set_epoch(-1 - number)  # not the draws of any epoch of the training
                drawn = list(sampler)
                for start in range(0, len(drawn), 64):
                    rows = drawn[start : start + 64]
                    batch = varied[rows[0]] if len(rows) == 1 else varied.__getitems__(rows)
                    residues.append(wide(batch["residues"], PAD))
                    allowed.append(wide(batch["allowed"], False))
                    types.append(batch["types"])
                    classes += [varied.classes[row] for row in rows]
                parts.append(len(drawn))
    unknown = [
        make(plain.residues, plain.classes, rows, generator)
        for make, rows, generator in _draws(plain, options, recipe.seed)
    ]
    found = _unlabelled(options, avoid | {p.sequence for p in learned})
    if len(found):
        unknown.append(found)
    for windows in unknown:
        residues.append(windows)
        allowed.append(torch.ones(len(windows), WINDOW, grammar().size, dtype=torch.bool))
        types.append(torch.zeros(len(windows), dtype=torch.long))  # no region term: NO_SP has none
        classes += [None] * len(windows)
        parts.append(len(windows))
    return Pool(torch.cat(residues), torch.cat(allowed), torch.cat(types), classes, parts)


def wide(columns: Tensor, filling: int | bool) -> Tensor:
    """Columns (B, L, ...) -> (B, WINDOW, ...)."""
    full = columns.new_full((len(columns), WINDOW, *columns.shape[2:]), filling)
    full[:, : columns.shape[1]] = columns
    return full


def _draws(
    plain: LabelledWindows, options: Distillation, seed: int
) -> Iterator[tuple[Callable[..., Tensor], list[int], torch.Generator]]:
    """For each draw of mutants and mosaics who makes them, the rows that they are made from, and
    what makes draws differ.
    """
    sampler = BalancedSampler(plain.classes, options.class_balance, seed, options.rare_class_size)
    # Not the draws of any epoch, which count from 0, nor those of copies, which count down from -1.
    for make, draws, first in (
        (mutants, options.recombinants, 1001),
        (mosaics, options.mosaics, 2001),
    ):
        for number in range(draws):
            sampler.set_epoch(-first - number)
            yield make, list(sampler), torch.Generator().manual_seed(seed * 1_000_003 + number)


def _unlabelled(options: Distillation, avoid: set[str]) -> Tensor:
    """Distinct windows (N, WINDOW) of FASTA files, in their order, without those in `avoid`."""
    if not options.unlabelled:
        return torch.empty(0, WINDOW, dtype=torch.uint8)
    with open_input(options.unlabelled) as source:
        source.survey(skip_invalid=True)
        windows = dict.fromkeys(p.window for p in source.proteins())
    codes = encode([window for window in windows if window not in avoid], WINDOW)
    if options.min_hydropathy is not None:
        codes = codes[hydropathy_peaks(codes)[0] >= options.min_hydropathy]
    return torch.from_numpy(codes)
