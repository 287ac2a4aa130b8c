"""The training loop: batches, learning rate, evaluation, checkpoints; it stops when asked to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from peft_sp.errors import PeftSpError
from peft_sp.training.fitting.decay import decay_groups
from peft_sp.training.fitting.progress import Progress, Report
from peft_sp.training.pretraining import checkpoint
from peft_sp.training.pretraining.masking import hide
from peft_sp.training.pretraining.model import MaskedResidueModel, trimmed
from peft_sp.training.pretraining.recipe import Fitting, PretrainingRecipe
from peft_sp.training.pretraining.windows import PretrainingWindows, random_stream

LOGGED = 50
"""Steps of which the history has one entry."""
EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Plan:
    """Steps of a run. of_pass: of a pass over the windows, whose last batch may be smaller."""

    steps: int
    of_pass: int

    @classmethod
    def of(cls, windows: int, fitting: Fitting) -> Plan:
        """The plan for a number of windows."""
        of_pass = math.ceil(windows / fitting.batch_size)
        return cls(math.ceil(fitting.epochs * of_pass), of_pass)


def learning_rate(step: int, steps: int, fitting: Fitting) -> float:
    """The learning rate of a step, counted from 0."""
    warmup = math.ceil(fitting.warmup_fraction * steps)
    if step < warmup:
        return fitting.learning_rate * (step + 1) / warmup
    done = (step - warmup) / (steps - warmup)
    factor = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}
    return fitting.learning_rate * factor[fitting.schedule]


class Loop:
    """A run in a directory, from its last checkpoint or from the beginning.

    settings: what a checkpoint records of the run it belongs to.
    """

    def __init__(
        self,
        model: MaskedResidueModel,
        windows: PretrainingWindows,
        recipe: PretrainingRecipe,
        directory: Path,
        settings: Mapping[str, Any],
    ) -> None:
        self.model, self.windows, self.recipe = model, windows, recipe
        self.directory, self.settings = directory, settings
        self.plan = Plan.of(len(windows.train), recipe.fitting)
        trained = [p for p in model.parameters() if p.requires_grad]
        groups = decay_groups(trained, recipe.fitting.weight_decay)
        self.optimiser = torch.optim.AdamW(groups, fused=True)
        self.position = checkpoint.restore(directory, model, self.optimiser)
        self._order = lru_cache(maxsize=1)(self._permutation)

    def run(
        self,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
        minutes: float = 10.0,
    ) -> bool:
        """Train to the end; False where `stop` asked for less, with a checkpoint of that step.

        progress: gets a report of each step and each entry of the history. minutes: between
        checkpoints. Raises PeftSpError where the network diverges, OutputError where nothing can
        be written.
        """
        position, steps = self.position, self.plan.steps
        began, saved = time.monotonic() - position.seconds, time.monotonic()
        every = max(1, round(self.plan.of_pass / self.recipe.fitting.evaluations))
        self.model.train()
        while position.step < steps:
            if (asked := stop()) or time.monotonic() - saved > 60 * minutes:
                self.save()
                saved = time.monotonic()
                if asked:
                    return False
            total, count = position.losses
            position.losses = total + self._step(position.step), count + 1
            position.step += 1
            position.seconds = time.monotonic() - began
            last = position.step == steps
            self._report(progress, {})
            if position.step % LOGGED == 0 or last:
                self._log(progress)
            if position.step % every == 0 or last:
                self._evaluate(progress)
        self.save()
        return True

    def save(self) -> None:
        """Write a checkpoint."""
        checkpoint.save(self.directory, self.model, self.optimiser, self.position, self.settings)

    def _permutation(self, number: int) -> NDArray[np.int64]:
        """The order of the windows in a pass."""
        return random_stream(self.recipe.seed, "order", number).permutation(len(self.windows.train))

    def _step(self, step: int) -> float:
        """One step of the optimiser; its loss."""
        fitting = self.recipe.fitting
        number, batch = divmod(step, self.plan.of_pass)
        rows = self._order(number)[batch * fitting.batch_size : (batch + 1) * fitting.batch_size]
        residues = trimmed(self.windows.train[rows])
        seen, chosen = hide(
            residues, self.recipe.masking, random_stream(self.recipe.seed, "masks", step)
        )
        # Dropout, where a backbone has it, draws from here.
        stream = random_stream(self.recipe.seed, "network", step)
        torch.manual_seed(int(stream.integers(2**63)))
        logits = self._logits(seen, chosen)
        loss = cross_entropy(logits.float(), self.model.targets(residues, chosen))
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, self.plan.steps, fitting)
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, fitting.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return loss.item()

    def _logits(self, seen: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> torch.Tensor:
        enabled = self.recipe.fitting.precision == "bfloat16"
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=enabled):
            logits: torch.Tensor = self.model(seen, chosen)
        return logits

    def _log(self, progress: Progress | None) -> None:
        """An entry of the mean loss since the last one."""
        position = self.position
        total, count = position.losses
        if not math.isfinite(total):
            raise PeftSpError(
                f"the loss is not finite before step {position.step}; give a smaller "
                "fitting.learning_rate"
            )
        entry = {
            "loss": total / count,
            "learning_rate": learning_rate(position.step - 1, self.plan.steps, self.recipe.fitting),
        }
        position.losses = 0.0, 0
        self._add(entry, progress)

    def _evaluate(self, progress: Progress | None) -> None:
        """An entry of how well the residues of held-out windows are predicted."""
        found = evaluate(self._logits, self.model, self.windows, self.recipe)
        self.model.train()
        self._add(found, progress)

    def _add(self, entry: dict[str, float], progress: Progress | None) -> None:
        step, seconds = self.position.step, round(self.position.seconds, 1)
        epoch = round(self._epoch, 4)
        self.position.history.append({"step": step, "epoch": epoch, "seconds": seconds, **entry})
        self._report(progress, entry)

    def _report(self, progress: Progress | None, figures: Mapping[str, float]) -> None:
        if progress is not None:
            step, epochs = self.position.step, self.recipe.fitting.epochs
            report = Report("training", step, self.plan.steps, self._epoch, epochs, figures)
            progress(report)

    @property
    def _epoch(self) -> float:
        """Passes over the windows that are done."""
        return self.position.step / self.plan.of_pass


def evaluate(
    logits_of: Callable[[NDArray[np.uint8], NDArray[np.bool_]], torch.Tensor],
    model: MaskedResidueModel,
    windows: PretrainingWindows,
    recipe: PretrainingRecipe,
) -> dict[str, float]:
    """Perplexity and accuracy at hidden residues of held-out windows, of all and of each group.

    The same residues are hidden each time, and all that are chosen are shown as <mask>.
    """
    model.eval()
    masking = recipe.masking.model_copy(update={"masked": 1.0, "substituted": 0.0})
    groups = np.array(windows.groups)
    sums = {name: np.zeros(3) for name in ("all", *sorted(set(windows.groups)))}
    with torch.inference_mode():
        for start in range(0, len(groups), EVALUATION_BATCH):
            residues = windows.held_out[start : start + EVALUATION_BATCH]
            stream = random_stream(recipe.seed, "held-out masks", start)
            seen, chosen = hide(trimmed(residues), masking, stream)
            logits = logits_of(seen, chosen).float()
            targets = model.targets(trimmed(residues), chosen)
            losses = cross_entropy(logits, targets, reduction="none").double().cpu().numpy()
            right = (logits.argmax(1) == targets).cpu().numpy()
            own = groups[start : start + EVALUATION_BATCH][chosen.nonzero()[0]]
            for name in sums:
                rows = slice(None) if name == "all" else own == name
                sums[name] += (losses[rows].sum(), right[rows].sum(), len(losses[rows]))
    found = {}
    for name, (loss, right_count, count) in sums.items():
        end = "" if name == "all" else f"_{name}"
        found[f"eval_perplexity{end}"] = math.exp(min(float(loss / count), 700.0))
        found[f"eval_accuracy{end}"] = float(right_count / count)
    return found
