"""Choosing settings: trials of a recipe, compared by validation partitions, through Optuna.

A trial trains once for each partition that it may use (`train` and `validation` of the recipe):
it is validated on that one and trained on the others. Its value is the mean of
`Scores.selection`. All other partitions, `test` above all, are left alone.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from peft_sp.errors import OutputError, RecipeError
from peft_sp.io.atomic import write_text
from peft_sp.io.results.directories import refuse_foreign_directory, refuse_foreign_file
from peft_sp.training.evaluation.metrics import score
from peft_sp.training.fitting.precision import refuse_precision
from peft_sp.training.fitting.processes import process_count
from peft_sp.training.fitting.progress import Report
from peft_sp.training.fitting.trainer import train
from peft_sp.training.inputs import TrainingInputs, read_inputs
from peft_sp.training.options import Partitions
from peft_sp.training.recipe import Recipe, changed
from peft_sp.training.search.space import Space, distributions, space_of
from peft_sp.training.search.study import DATABASE, alone, open_study, recover

TABLE = "trials.tsv"
BEST = "best.json"
LOWEST = -1.0
"""The least that `Scores.selection` can be: an MCC2 of -1 in every class and no cleavage site."""
DEPTH = {"backbone", "tuning.method", "tuning.layers", "tuning.position"}
"""Options that say how many layers are left as they are."""
CACHE = ".activations"
"""Directory of the output of frozen layers, inside the search's, while the search lasts."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Tried:
    """A trial. folds: values of its folds so far; value: their mean, once all are there.

    state: "running", "complete", "pruned" (given up, worse than the median so far), "refused"
    (its parameters do not go together, as `problem` says) or "fail" (stopped, and begun anew
    under another number).
    """

    number: int
    state: str
    parameters: dict[str, Any]
    folds: tuple[float, ...]
    value: float | None
    problem: str | None

    @staticmethod
    def of(trial: FrozenTrial) -> Tried:
        """A trial as the study knows it."""
        problem = trial.user_attrs.get("problem")
        return Tried(
            trial.number,
            "refused" if problem else trial.state.name.lower(),
            trial.params,
            tuple(trial.user_attrs.get("folds", ())),
            trial.value if trial.state is TrialState.COMPLETE else None,
            problem,
        )

    @property
    def settings(self) -> list[str]:
        """The `--set` arguments, quoted for a shell, that give a recipe these parameters."""
        values = self.parameters.items()
        return [f"--set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in values]


Progress = Callable[[Tried, Report | None], None]
"""Gets a trial with a report of a fold; without one after a fold and a trial."""


def search(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    trials: int,
    progress: Progress | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    *,
    inputs: TrainingInputs | None = None,
) -> list[Tried]:
    """Run trials until `trials` are complete, pruned or refused; all of them, best first.

    `directory` gets the study, `trials.tsv` and `best.json`. A search that was stopped is resumed
    with the trial it was at, and with the same result as one that was not. activation_cache: see
    `trainer.train`; None to have it in `directory` while the search lasts. inputs: what the recipe
    names, read here where not given.

    Raises RecipeError or ModelError for an impossible recipe, InputError for unusable data,
    OutputError where `directory` belongs to another search or is in use.
    """
    if process_count() > 1:
        raise OutputError("tune runs in one process; torchrun is for 'train'")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    numbers = usable(recipe)
    check_start(recipe, directory)
    # A window that also stands in a partition left alone is not trained on either.
    inputs = (inputs or read_inputs(recipe)).within(numbers)
    # A trial may have another backbone, and none need stay in memory behind it.
    inputs = replace(inputs, backbones=None)
    space, directory = space_of(recipe), Path(directory)
    with alone(directory):
        study = open_study(directory, recipe, inputs.data_sha256, space)
        recover(study, space)
        # Where the number of frozen layers stays, their output is computed once for all trials.
        own = None if DEPTH & space.keys() else directory / CACHE
        cache = own if activation_cache is None else Path(activation_cache)
        runner = _Runner(study, recipe, inputs, directory, cache, numbers, progress)
        _write(directory, study, space, numbers)
        while (done := len(study.get_trials(deepcopy=False, states=FINISHED))) < trials:
            # Seeded trial by trial, so that stopping a search changes nothing of what is tried.
            seed = np.random.SeedSequence([recipe.seed, done]).generate_state(1)[0]
            study.sampler = optuna.samplers.TPESampler(seed=int(seed))
            runner.run(study.ask(distributions(space)))
            _write(directory, study, space, numbers)
        shutil.rmtree(directory / CACHE, ignore_errors=True)
        tried = _ranked(_tried(study))
    if tried[0].value is None:
        problems = [x.problem for x in tried if x.problem]
        raise RecipeError(recipe.name, ["no trial could be run to its end", *problems[:1]])
    return tried


def check_start(recipe: Recipe, directory: str | os.PathLike[str]) -> None:
    """What can keep a search from starting, as far as it is known before anything is read.

    Raises OutputError for a directory that cannot be written or holds something else, RecipeError
    for numbers that the device does not have.
    """
    place = Path(directory)
    refuse_precision(recipe.name, "optimisation.precision", recipe.optimisation.precision)
    refuse_foreign_directory(place, DATABASE)
    refuse_foreign_file(place / TABLE, "number\tstate\t")
    refuse_foreign_file(place / BEST, '{\n "value": ')


def usable(recipe: Recipe) -> tuple[int, ...]:
    """The partitions that trials are validated on. Raises RecipeError where there is only one."""
    parts = recipe.partitions
    numbers = sorted({*parts.train, *([] if parts.validation is None else [parts.validation])})
    if len(numbers) < 2:
        problem = (
            "a search trains on one partition and validates on another, so partitions.train and "
            f"partitions.validation must name two or three, not {numbers[0]} alone"
        )
        raise RecipeError(recipe.name, [problem])
    return tuple(numbers)


@dataclass(frozen=True)
class _Runner:
    """What all trials have in common.

    cache: directory for the output of frozen layers, None for one of each trial's own; numbers:
    the partitions that trials are validated on.
    """

    study: optuna.Study
    recipe: Recipe
    inputs: TrainingInputs
    directory: Path
    cache: Path | None
    numbers: tuple[int, ...]
    progress: Progress | None

    def run(self, trial: Trial) -> None:
        """Evaluate a trial's parameters, fold by fold, and record the value in the study."""
        own = self.directory / f"trial-{trial.number}"
        before = self.directory / f"trial-{trial.user_attrs.get('continues')}"
        if before.exists():
            before.rename(own)
        try:
            value = self._value(trial, changed(self.recipe, trial.params), own)
        except RecipeError as error:
            trial.set_user_attr("problem", "; ".join(error.problems))
            value = None
        shutil.rmtree(own, ignore_errors=True)
        self.study.tell(trial, value, TrialState.PRUNED if value is None else None)
        self._report(trial)

    def _value(self, trial: Trial, settings: Recipe, own: Path) -> float | None:
        """Mean over the folds, None where it is given up."""
        values: list[float] = list(trial.user_attrs.get("folds", ()))
        for step, number in enumerate(self.numbers):
            if step >= len(values):
                values.append(self._fold(trial, settings, number, own / f"fold-{number}"))
                trial.set_user_attr("folds", values)
                shutil.rmtree(own / f"fold-{number}", ignore_errors=True)
                self._report(trial)
            trial.report(float(np.mean(values)), step)
            if step + 1 < len(self.numbers) and trial.should_prune():
                return None
        return float(np.mean(values))

    def _fold(self, trial: Trial, settings: Recipe, number: int, own: Path) -> float:
        others = tuple(n for n in self.numbers if n != number)
        parts = Partitions(train=others, validation=number)
        # A changed description must not keep a stopped fold from being resumed.
        settings = settings.model_copy(update={"partitions": parts, "description": ""})
        trained = train(
            settings,
            self.inputs.split(parts),
            own,
            lambda report: self._report(trial, report),
            self.cache or own.parent / CACHE,
        )
        assert trained.validation is not None
        value = score(trained.validation.outcomes).selection
        return LOWEST if math.isnan(value) else value

    def _report(self, trial: Trial, report: Report | None = None) -> None:
        if self.progress is not None:
            tried = Tried.of(self.study.get_trials(deepcopy=False)[trial.number])
            self.progress(tried, report)


def _ranked(tried: list[Tried]) -> list[Tried]:
    """Best first; those without a value last, and of equal ones the earlier first."""
    return sorted(tried, key=lambda x: math.inf if x.value is None else -x.value)


def _tried(study: optuna.Study) -> list[Tried]:
    """The trials that are over, by number."""
    states = (*FINISHED, TrialState.FAIL)
    return [Tried.of(trial) for trial in study.get_trials(deepcopy=False, states=states)]


def _write(directory: Path, study: optuna.Study, space: Space, numbers: Sequence[int]) -> None:
    """All trials as a table, and the best one's parameters."""
    lines = ["\t".join(("number", "state", "value", *space, *(f"partition_{n}" for n in numbers)))]
    tried = _tried(study)
    for x in tried:
        folds = [f"{value:.6f}" for value in x.folds]
        given = [json.dumps(x.parameters[key]) if key in x.parameters else "" for key in space]
        value = "" if x.value is None else f"{x.value:.6f}"
        padding = [""] * (len(numbers) - len(folds))
        lines.append("\t".join((str(x.number), x.state, value, *given, *folds, *padding)))
    write_text(directory / TABLE, "\n".join(lines) + "\n")
    if tried and (best := _ranked(tried)[0]).value is not None:
        content = {"value": best.value, "parameters": best.parameters, "set": best.settings}
        write_text(directory / BEST, json.dumps(content, indent=1) + "\n")
