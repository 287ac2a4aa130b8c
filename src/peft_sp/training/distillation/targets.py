"""Targets of distillation: the teachers' posterior for the windows of a transfer set.

For each window the posterior over paths is computed once and stored on disk; the student's loss
is the cross-entropy of its own paths with theirs (Hinton et al. 2015; for chains Wang et al.
2020), beside the likelihood of the labels, where there are any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.errors import ModelError, OutputError
from peft_sp.inference.backends import Backend
from peft_sp.inference.batching import compute
from peft_sp.inference.loading import load
from peft_sp.io.atomic import locked, write_text
from peft_sp.network.activation_cache import window_keys
from peft_sp.network.crf import ConstrainedCRF
from peft_sp.training.distillation.teachers import Teacher, teachers_hash
from peft_sp.training.distillation.transfer_set import TransferSet
from peft_sp.training.options import Distillation

BLOCK = 2048
"""Windows that teachers finish together; a run that is stopped is resumed behind the last block."""
Report = Callable[[int, int], None]
"""Gets how many windows have targets, of how many."""


@dataclass(frozen=True)
class Targets:
    """The teachers' posterior for N windows, memory-mapped in float16, one file a part.

    states (N, L, S): probability of each state at each residue; transitions (N, E): expected
    number of times that each of the grammar's E transitions is taken.
    """

    states: list[NDArray[np.float16]]
    transitions: list[NDArray[np.float16]]

    def of(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States (B, L, S) and transition counts (B, E) of some windows, in float32."""
        ends = np.cumsum([len(part) for part in self.states])
        rows = np.asarray(indices)
        origin = np.searchsorted(ends, rows, side="right")
        columns = []
        for parts in (self.states, self.transitions):
            values = np.empty((len(rows), *parts[0].shape[1:]), dtype=np.float32)
            for number in np.unique(origin):
                here = origin == number
                values[here] = parts[number][rows[here] - ends[number] + len(parts[number])]
            columns.append(torch.from_numpy(values))
        return columns[0], columns[1]


def teacher_targets(
    teachers: Sequence[Teacher],
    options: Distillation,
    transfer_set: TransferSet,
    directory: Path,
    *,
    progress: Report | None = None,
    block: int = BLOCK,
) -> Targets:
    """The teachers' posterior for a transfer set, from `directory` or computed.

    Each part is stored under the hashes of the teachers and of its windows, so that whoever has
    the same ones finds it. block: windows that are written together. Raises OutputError for a
    directory that cannot be used.
    """
    load_backends = cache(lambda: _backends(teachers, options))
    targets = Targets([], [])
    whole, before = len(transfer_set.classes), 0
    for size in transfer_set.parts:
        residues = transfer_set.residues[before : before + size].numpy()
        windows = hashlib.sha256(window_keys(residues).tobytes()).hexdigest()[:16]
        stem = f"targets-{teachers_hash(teachers)[:16]}-{windows}"
        part = directory / f"{stem}-{options.teacher_precision}-{options.temperature:g}"
        shapes = {
            "states": (size, WINDOW, grammar().size),
            "transitions": (size, int(grammar().transitions.sum())),
        }
        try:
            part.mkdir(parents=True, exist_ok=True)
            with locked(part):  # a run beside this one may be at the same
                done = _done(part)
                mode: Literal["r+", "w+"] = "r+" if done else "w+"
                columns = [
                    np.lib.format.open_memmap(part / f"{name}.npy", mode, np.float16, shape)
                    for name, shape in shapes.items()
                ]
                for start in range(done, size, block):
                    answered = residues[start : start + block]
                    posterior = _mean_posterior(load_backends(), answered, options.temperature)
                    for column, values in zip(columns, posterior, strict=True):
                        column[start : start + len(answered)] = values
                        column.flush()
                    write_text(part / "done", f"{start + len(answered)}\n")
                    if progress is not None:
                        progress(before + start + len(answered), whole)
            targets.states.append(np.load(part / "states.npy", mmap_mode="r"))
            targets.transitions.append(np.load(part / "transitions.npy", mmap_mode="r"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{part}: {error}; remove it to compute the targets anew") from None
        before += size
    return targets


def _backends(teachers: Sequence[Teacher], options: Distillation) -> list[Backend]:
    backbone, precision = options.teacher_backbone, options.teacher_precision
    try:
        return [
            load(teacher.directory, backbone=backbone, precision=precision).backend
            for teacher in teachers
        ]
    except ModelError as error:
        # It names options of commands that predict; here they are the recipe's.
        text = re.sub(r"--(backbone|precision)", r"distillation.teacher_\1", str(error))
        raise ModelError(f"teacher: {text}") from None


def _done(part: Path) -> int:
    """Windows of a part whose targets are written."""
    try:
        return int((part / "done").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0


def _mean_posterior(
    backends: Sequence[Backend], residues: NDArray[np.uint8], temperature: float
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The mean of the teachers' posteriors: states (N, L, S) and transition counts (N, E)."""
    rules = grammar()
    arcs = np.flatnonzero(rules.transitions)
    states = np.zeros((len(residues), WINDOW, rules.size))
    transitions = np.zeros((len(residues), len(arcs)))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # as of `load`
    for backend in backends:
        crf = _crf(backend).to(device)
        for batch, emissions in compute(backend, residues):
            marginals, counts = crf.posterior(
                torch.from_numpy(emissions).to(device),
                torch.from_numpy(batch.residues != PAD).to(device),
                temperature * backend.scores.temperatures.types,
            )
            states[batch.rows, : batch.residues.shape[1]] += marginals.cpu().numpy()
            transitions[batch.rows] += counts.flatten(1)[:, arcs].cpu().numpy()
    count = len(backends)
    return (states / count).astype(np.float16), (transitions / count).astype(np.float16)


def _crf(backend: Backend) -> ConstrainedCRF:
    """A backend's CRF in torch."""
    rules, scores = grammar(), backend.scores
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor(np.asarray(scores.transitions)))
        crf.starts.copy_(torch.tensor(np.asarray(scores.starts)))
        crf.ends.copy_(torch.tensor(np.asarray(scores.ends)))
    return crf


def predicted_types(states: NDArray[np.float16]) -> list[str]:
    """The most probable type of each window, from the teachers' states (N, L, S)."""
    of_state = grammar().type_of_state
    first = np.asarray(states[:, 0], dtype=np.float32)  # (N, S)
    membership = of_state[:, None] == np.arange(len(TYPES))
    return [TYPES[kind] for kind in (first @ membership).argmax(1)]
