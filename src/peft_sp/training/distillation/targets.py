"""Distillation: a student learns what teachers say of windows, labelled or not.

Its windows are the labelled ones, varied copies of them (see `LabelledWindows`), and the first
residues of unlabelled proteins. For each the teachers' posterior over paths is computed once and
kept on disk; the student's loss is the cross-entropy of its own paths with theirs (Hinton et al.
2015; for chains Wang et al. 2020), beside the likelihood of the labels, where there are any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.errors import OutputError
from peft_sp.inference.backends import Backend
from peft_sp.inference.batching import compute
from peft_sp.inference.loading import load
from peft_sp.io.atomic import write_text
from peft_sp.network.activation_cache import window_keys
from peft_sp.network.crf import ConstrainedCRF
from peft_sp.training.distillation.teachers import teachers_hash
from peft_sp.training.distillation.transfer_set import Pool
from peft_sp.training.options import Distillation

BLOCK = 2048
"""Windows that teachers finish together; a run that is stopped goes on behind the last block."""
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Targets:
    """The teachers' posterior for N windows, memory-mapped in float16, one file a part.

    states (N, L, S); moves (N, E): how often each of the grammar's E transitions is taken.
    """

    states: list[NDArray[np.float16]]
    moves: list[NDArray[np.float16]]

    def of(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States (B, L, S) and moves (B, E) of some windows, in float32."""
        ends = np.cumsum([len(part) for part in self.states])
        rows = np.asarray(indices)
        origin = np.searchsorted(ends, rows, side="right")
        found = []
        for parts in (self.states, self.moves):
            values = np.empty((len(rows), *parts[0].shape[1:]), dtype=np.float32)
            for number in np.unique(origin):
                here = origin == number
                values[here] = parts[number][rows[here] - ends[number] + len(parts[number])]
            found.append(torch.from_numpy(values))
        return found[0], found[1]


def ask_teachers(
    asked: Sequence[Path],
    options: Distillation,
    pool: Pool,
    folder: Path,
    progress: Report | None,
) -> Targets:
    """What the teachers say of a pool, from `folder` or computed; each part is kept on its own."""
    teacher = teachers_hash(asked)[:16]
    backends: list[Backend] = []
    targets = Targets([], [])
    whole, before = len(pool.classes), 0
    for size in pool.parts:
        residues = pool.residues[before : before + size].numpy()
        windows = hashlib.sha256(window_keys(residues).tobytes()).hexdigest()[:16]
        place = folder / f"targets-{teacher}-{windows}"
        place = place.with_name(f"{place.name}-{options.teacher_precision}-{options.temperature:g}")
        shapes = {
            "states": (size, WINDOW, grammar().size),
            "moves": (size, int(grammar().transitions.sum())),
        }
        try:
            place.mkdir(parents=True, exist_ok=True)
            done = _done(place)
            mode: Literal["r+", "w+"] = "r+" if done else "w+"
            columns = [
                np.lib.format.open_memmap(place / f"{name}.npy", mode, np.float16, shape)
                for name, shape in shapes.items()
            ]
            if done < size and not backends:
                backends = [
                    load(
                        one, backbone=options.teacher_backbone, precision=options.teacher_precision
                    ).backend
                    for one in asked
                ]
            for start in range(done, size, BLOCK):
                block = residues[start : start + BLOCK]
                answers = _answers(backends, block, options.temperature)
                for column, values in zip(columns, answers, strict=True):
                    column[start : start + len(block)] = values
                    column.flush()
                write_text(place / "done", f"{start + len(block)}\n")
                if progress is not None:
                    progress(before + start + len(block), whole)
            targets.states.append(np.load(place / "states.npy", mmap_mode="r"))
            targets.moves.append(np.load(place / "moves.npy", mmap_mode="r"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{place}: {error}; remove it to ask the teachers anew") from None
        before += size
    return targets


def _done(place: Path) -> int:
    """Windows whose targets are whole."""
    try:
        return int((place / "done").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0


def _answers(
    backends: Sequence[Backend], residues: NDArray[np.uint8], temperature: float
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The mean of the teachers' posteriors: states (N, L, S) and moves (N, E)."""
    rules = grammar()
    arrows = np.flatnonzero(rules.transitions)
    states = np.zeros((len(residues), WINDOW, rules.size))
    moves = np.zeros((len(residues), len(arrows)))
    for backend in backends:
        crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
        scores = backend.scores
        with torch.no_grad():
            for parameter, values in (
                (crf.transitions, scores.transitions),
                (crf.starts, scores.starts),
                (crf.ends, scores.ends),
            ):
                parameter.copy_(torch.tensor(np.asarray(values)))
        for batch, emissions in compute(backend, residues):
            mask = torch.from_numpy(batch.residues != PAD)
            said, moved = crf.posterior(
                torch.from_numpy(emissions), mask, temperature * scores.temperature
            )
            states[batch.rows, : batch.residues.shape[1]] += said.numpy()
            moves[batch.rows] += moved.flatten(1).numpy()[:, arrows]
    share = len(backends)
    return (states / share).astype(np.float16), (moves / share).astype(np.float16)


def predicted_types(states: NDArray[np.float16]) -> list[str]:
    """The most probable type of each window, from the teachers' states (N, L, S)."""
    of_state = grammar().type_of_state
    first = np.asarray(states[:, 0], dtype=np.float32)  # (N, S)
    membership = of_state[:, None] == np.arange(len(TYPES))
    return [TYPES[kind] for kind in (first @ membership).argmax(1)]
