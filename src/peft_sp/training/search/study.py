"""The study of a search on disk: held by one process, of one recipe, resumable."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from peft_sp.errors import OutputError
from peft_sp.io.atomic import locked
from peft_sp.io.results.directories import refuse_foreign_directory
from peft_sp.training.recipe import Recipe
from peft_sp.training.search.space import Space, own_values

DATABASE = "study.db"
UNPRUNED = 4
"""Trials before any is given up for being worse than the median."""


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold the directory for this process; the lock goes with it, however it ends.

    Raises OutputError where it cannot be written, is in use, or holds something else.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written ({error.strerror})") from None
    with locked(place, f"{place}: in use by another search; give another directory"):
        refuse_foreign_directory(place, DATABASE)
        yield


def open_study(directory: Path, recipe: Recipe, data_sha256: str, space: Space) -> optuna.Study:
    """The directory's study, new or of the same search. data_sha256: of the labelled data."""
    made = {
        **recipe.model_dump(mode="json", exclude={"data", "description", "settings_origin"}),
        "data_sha256": data_sha256,
        "space": {key: values.model_dump(mode="json") for key, values in space.items()},
    }
    try:
        study = optuna.create_study(
            study_name="peft-sp",
            storage=optuna.storages.RDBStorage(
                "sqlite://", {"creator": lambda: _connect(directory)}
            ),
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
            load_if_exists=True,
        )
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise OutputError(f"{directory / DATABASE}: cannot be used as a study ({reason})") from None
    if "made" not in study.user_attrs:
        study.set_user_attr("made", made)
        # The recipe itself comes first: what is found is then never worse.
        if (own := own_values(recipe, space)) is not None:
            study.enqueue_trial(own)
    elif study.user_attrs["made"] != made:
        raise OutputError(
            f"{directory} holds a search of another recipe, of other data or with other "
            "candidates; give another directory, or remove it to start anew"
        )
    return study


def _connect(directory: Path) -> sqlite3.Connection:
    # Not by a URL, which some letters of a path would break.
    return sqlite3.connect(directory / DATABASE, check_same_thread=False)


def recover(study: optuna.Study, space: Space) -> None:
    """Begin anew a trial that was stopped; the new one takes over the folds that were done."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        # One that has not all its parameters gets the same again, from its seed.
        if trial.params.keys() == space.keys():
            known = {"continues": trial.number, "folds": trial.user_attrs.get("folds", [])}
            study.enqueue_trial(trial.params, known)
