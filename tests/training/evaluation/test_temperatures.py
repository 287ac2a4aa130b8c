from dataclasses import replace

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES, WINDOW
from peft_sp.io.registry.model_config import Calibration
from peft_sp.training.evaluation.calibration import FEWEST_MISTAKES, temper
from peft_sp.training.evaluation.evaluate import Evaluation
from peft_sp.training.evaluation.metrics import Outcomes
from peft_sp.training.evaluation.temperatures import (
    fit_calibration,
    site_probabilities,
    tempered,
)

SURE = {True: 3.0, False: 1.5}
"""By how much the made-up network is too sure of eukaryotes, and of all others."""
WRONG = 0.05
SITES = 2.0


@pytest.fixture(scope="module")
def evaluation():
    """A network that is too sure, on labels of which some are wrong."""
    rng, size = np.random.default_rng(0), 6_000
    eukaryotic = rng.random(size) < 0.5
    logits = rng.normal(0, 3, (size, len(TYPES)))
    logits[:, 0] += 4
    honest = np.exp(logits - logits.max(1, keepdims=True))
    honest /= honest.sum(1, keepdims=True)
    true = (rng.random((size, 1)) < honest.cumsum(1)).argmax(1)
    wrong = rng.random(size) < WRONG
    true[wrong] = true[rng.permutation(size)[: wrong.sum()]]
    probabilities = temper(honest, np.where(eukaryotic, 1 / SURE[True], 1 / SURE[False]))
    kinds = probabilities.argmax(1)
    cuts = rng.dirichlet(np.full(WINDOW, 0.05), size)
    drawn = (rng.random((size, 1)) < cuts.cumsum(1)).argmax(1) + 1
    cuts = temper(np.maximum(cuts, 1e-30), 1 / SITES)
    outcomes = Outcomes(
        np.where(eukaryotic, "EUKARYA", "NEGATIVE"),
        true,
        kinds,
        np.where(true > 0, drawn, 0),
        np.where(kinds > 0, cuts.argmax(1) + 1, 0),
        probabilities,
    )
    cuts[kinds == 0] = 0
    lengths = np.zeros((size, 3), np.int64)
    return Evaluation(outcomes, outcomes, outcomes, lengths, cuts.astype(np.float32))


def test_each_group_gets_its_temperature_and_wrong_labels_do_not_raise_it(evaluation):
    found = fit_calibration(evaluation)
    assert found.eukarya.temperature == pytest.approx(SURE[True], rel=0.05)
    assert SURE[False] < found.every.temperature < SURE[True]
    assert found.sites == pytest.approx(SITES, rel=0.1)
    timid = fit_calibration(evaluation, noise=False)
    assert timid.eukarya.temperature > 1.1 * found.eukarya.temperature
    assert timid.eukarya.noise == 0
    assert found.eukarya.noise == pytest.approx(WRONG, rel=0.2)
    made = found.calibration("made-up labels")
    assert made.temperature == round(found.every.temperature, 4) != made.eukarya
    assert made.fitted_on == "made-up labels"


def test_labels_that_the_network_is_sure_are_wrong_are_doubted(evaluation):
    found = fit_calibration(evaluation)
    at_temperatures = tempered(evaluation.outcomes, found.calibration(""))
    doubt = found.doubt(at_temperatures)
    given = at_temperatures.probabilities[np.arange(len(doubt)), at_temperatures.true_type]
    assert doubt[given < 1e-4].min() > 0.5 and doubt[given > 0.5].max() < 0.1


def test_a_group_with_few_mistakes_has_the_temperature_of_all(evaluation):
    outcomes = evaluation.outcomes
    eukaryotic = outcomes.organism == "EUKARYA"
    right = outcomes.type == outcomes.true_type
    mistakes = np.flatnonzero(eukaryotic & ~right)[: FEWEST_MISTAKES - 1]
    rows = np.union1d(np.flatnonzero(~eukaryotic | right), mistakes)
    kept = Evaluation(
        *(outcomes.take(rows) for _ in range(3)), evaluation.lengths[rows], evaluation.cuts[rows]
    )
    found = fit_calibration(kept)
    assert found.eukarya == found.every


def test_types_and_sites_stay_and_probabilities_of_sites_add_up_to_that_of_the_type(evaluation):
    calibration = Calibration(2.0, 0.5, 3.0)
    found = tempered(evaluation.outcomes, calibration)
    assert np.array_equal(found.probabilities.argmax(1), evaluation.outcomes.type)
    sites = site_probabilities(evaluation, calibration)
    cut = found.site > 0
    np.testing.assert_allclose(sites[cut].sum(1), found.probabilities[cut].max(1), rtol=1e-6)
    assert np.array_equal(sites[cut].argmax(1) + 1, found.site[cut])
    assert not sites[~cut].any()


def test_a_model_without_temperatures_keeps_its_probabilities(evaluation):
    assert tempered(evaluation.outcomes, None) is evaluation.outcomes
    alone = replace(Calibration(2.0), eukarya=None)
    found = tempered(evaluation.outcomes, alone).probabilities
    np.testing.assert_allclose(found, temper(evaluation.outcomes.probabilities, 2.0))
