"""How far a run is, for whoever watches it: reports, and a callback that makes them of steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from transformers import TrainerCallback

from peft_sp.inference.backends import Backend

INTERVAL = 0.2
"""Seconds between two reports that hold no figures."""

Phase = Literal["training", "teachers", "frozen layers", "evaluation"]


@dataclass(frozen=True)
class Report:
    """How far a run is in what it does now.

    phase: "training" counts steps; "teachers" (whose answers are computed), "frozen layers" (whose
    output is) and "evaluation" count windows. done, total: of those. epoch, epochs: passes over
    the data that are done, and all there will be. figures: what the trainer has just measured, by
    its names ("loss", "learning_rate", and with "eval_" before it a figure of the validation
    partition); empty for a report of a step alone.
    """

    phase: Phase
    done: int
    total: int
    epoch: float = 0.0
    epochs: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)


Progress = Callable[[Report], None]
"""Gets the reports of a run, one after the other."""


class Reporting(TrainerCallback):
    """Hands the trainer's steps and figures on, in the process that writes files."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.last = progress, float("-inf")

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer; a resumed run begins where it was."""
        self._report(args, state, {})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer, for more steps than are worth a report."""
        if time.monotonic() - self.last >= INTERVAL:
            self._report(args, state, {})

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Called by the trainer with what it has measured."""
        if logs:
            self._report(args, state, logs)

    def _report(self, args: Any, state: Any, figures: Mapping[str, float]) -> None:
        if not state.is_world_process_zero:
            return
        self.last = time.monotonic()
        epoch, epochs = float(state.epoch or 0.0), float(args.num_train_epochs)
        step, steps = int(state.global_step), int(state.max_steps)
        self.progress(Report("training", step, steps, epoch, epochs, dict(figures)))


class Watched:
    """A backend that reports how many of some windows it has computed.

    concurrency: calls at once. One in training, where each may be of several processes together
    and all must make them in one order; elsewhere what suits the backend.
    """

    def __init__(
        self, backend: Backend, total: int, progress: Progress | None, concurrency: int = 1
    ) -> None:
        self.backend, self.total, self.progress = backend, total, progress
        self.batch_size, self.scores = backend.batch_size, backend.scores
        self.concurrency = concurrency
        self.done, self.counting = 0, Lock()

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Those of the backend."""
        found = self.backend.emissions(residues)
        with self.counting:
            self.done += len(residues)
            if self.progress is not None:
                self.progress(Report("evaluation", self.done, self.total))
        return found
