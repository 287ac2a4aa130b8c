"""A search's directory belongs to one process, and a trial that was stopped begins anew."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution

from peft_sp.errors import OutputError
from peft_sp.training.recipe import Candidates
from peft_sp.training.search.study import alone, recover

RATE = "optimisation.learning_rate"
SPACE = {RATE: Candidates(low=1e-3, high=1e-2)}


def test_a_directory_is_held_by_one_search_and_free_after_it(tmp_path):
    place = tmp_path / "new" / "search"
    with pytest.raises(KeyError), alone(place):
        with pytest.raises(OutputError, match="in use by another search"), alone(place):
            pytest.fail("two searches hold one directory")
        raise KeyError
    with alone(place):
        assert place.is_dir()


def test_a_place_that_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), alone(tmp_path / "file" / "x"):
        pytest.fail("there is no such directory")


def study_with_a_stopped_trial(parameters):
    study = optuna.create_study()
    trial = study.ask(parameters)
    trial.set_user_attr("folds", [0.25])
    return study, trial


def test_a_stopped_trial_begins_anew_with_its_parameters_and_whole_folds():
    study, stopped = study_with_a_stopped_trial({RATE: FloatDistribution(1e-3, 1e-2)})
    recover(study, SPACE)
    again = study.ask({RATE: FloatDistribution(1e-3, 1e-2)})
    assert again.params == stopped.params
    assert again.user_attrs == {"continues": stopped.number, "folds": [0.25]}
    assert study.trials[stopped.number].state is optuna.trial.TrialState.FAIL
    recover(optuna.create_study(), SPACE)  # nothing was stopped: nothing to do


def test_a_trial_that_was_stopped_before_it_had_parameters_is_not_continued():
    study, _ = study_with_a_stopped_trial({})
    recover(study, SPACE)
    assert study.ask().user_attrs == {}
