import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar

from peft_sp.training.evaluation.calibration import (
    BOUNDS,
    FLOOR,
    fit_temperature,
    reliability,
    temper,
)

TEMPERATURES = st.floats(0.05, 20)


@st.composite
def probabilities(draw, least=1):
    """Rows of probabilities (N, K), some exactly zero."""
    shape = draw(st.integers(least, 20)), draw(st.integers(2, 6))
    weights = draw(arrays(np.float64, shape, elements=st.just(0.0) | st.floats(1e-9, 1)))
    assume((weights.sum(axis=1) > 0).all())
    return weights / weights.sum(axis=1, keepdims=True)


@st.composite
def labelled(draw, least=1):
    shares = draw(probabilities(least))
    size, kinds = shares.shape
    return shares, draw(arrays(np.int64, size, elements=st.integers(0, kinds - 1)))


def simulated(size=20_000, kinds=6, seed=0):
    """Logits, and types drawn from exactly their probabilities."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(size, kinds)) * 2
    types = (softmax(logits).cumsum(axis=1) < generator.random((size, 1))).sum(axis=1)
    return logits, types


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def loss(shares, types, temperature):
    """Mean negative log likelihood as `fit_temperature` documents it."""
    floored = shares.copy()
    rows = np.arange(len(types))
    floored[rows, types] = np.maximum(floored[rows, types], FLOOR)
    with np.errstate(divide="ignore"):
        logs = np.log(floored) / temperature
    return float(np.mean(np.logaddexp.reduce(logs, axis=1) - logs[rows, types]))


@given(probabilities(), TEMPERATURES)
def test_tempered_rows_are_probabilities_in_the_same_order(shares, temperature):
    tempered = temper(shares, temperature)
    assert tempered.sum(axis=1) == pytest.approx(1)
    assert (tempered[shares == 0] == 0).all() and (tempered >= 0).all()
    top = np.take_along_axis(tempered, shares.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert (top == tempered.max(axis=1)).all()


@given(probabilities())
def test_temperature_one_changes_no_bit(shares):
    tempered = temper(shares, 1.0)
    assert (tempered == shares).all() and tempered is not shares


@given(probabilities(), st.floats(0.5, 3), st.floats(0.5, 3))
def test_temperatures_multiply(shares, first, second):
    assert temper(temper(shares, first), second) == pytest.approx(
        temper(shares, first * second), abs=1e-9
    )


def test_temper_is_the_softmax_of_cooled_logits():
    logits, _ = simulated(50)
    assert temper(softmax(logits), 2.5) == pytest.approx(softmax(logits / 2.5))


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_what_is_no_temperature(temperature):
    with pytest.raises(ValueError, match="a temperature is positive"):
        temper(np.array([[0.5, 0.5]]), temperature)


@pytest.mark.parametrize("row", [[0.0, 0.0], [-0.1, 1.1], [math.nan, 1.0]])
def test_what_are_no_probabilities(row):
    with pytest.raises(ValueError, match="each row needs probabilities"):
        temper(np.array([row]), 2.0)


def test_an_overconfident_network_is_cooled():
    logits, types = simulated()
    sure = softmax(logits * 3)
    temperature = fit_temperature(sure, types)
    assert temperature == pytest.approx(3, rel=0.05)
    before, after = reliability(sure, types), reliability(temper(sure, temperature), types)
    assert after.expected_calibration_error < 0.02 < before.expected_calibration_error
    assert after.negative_log_likelihood < before.negative_log_likelihood


def test_an_underconfident_network_is_sharpened():
    logits, types = simulated()
    assert fit_temperature(softmax(logits / 2), types) == pytest.approx(0.5, rel=0.05)


def test_a_calibrated_network_is_left_alone():
    logits, types = simulated()
    assert fit_temperature(softmax(logits), types) == pytest.approx(1, rel=0.05)
    assert reliability(softmax(logits), types).expected_calibration_error < 0.02


@settings(max_examples=50)
@given(labelled(least=2))
def test_no_temperature_fits_better(case):
    shares, types = case
    assume((shares.argmax(axis=1) != types).any())
    found = loss(shares, types, fit_temperature(shares, types))
    for temperature in np.geomspace(*BOUNDS, 50):
        assert found <= loss(shares, types, temperature) * (1 + 1e-9) + 1e-9


def test_the_reference_minimiser_finds_the_same():
    logits, types = simulated(500)
    shares = softmax(logits * 1.7)
    reference = minimize_scalar(
        lambda x: loss(shares, types, math.exp(x)), bounds=np.log(BOUNDS), method="bounded"
    )
    assert fit_temperature(shares, types) == pytest.approx(math.exp(reference.x), rel=1e-3)


def test_where_the_data_cannot_tell():
    right = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(right, np.array([0, 1])) == 1
    assert fit_temperature(right[:1], np.array([1])) == 1
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=np.int64)) == 1
    assert fit_temperature(np.full((4, 6), 1 / 6), np.arange(4)) == 1


def test_a_sure_mistake_stays_finite():
    shares = np.array([[1.0, 0.0]] * 100 + [[0.99, 0.01]] * 100)
    types = np.array([1] + [0] * 199)
    assert 1 < fit_temperature(shares, types) < BOUNDS[1]
    assert reliability(shares, types).negative_log_likelihood < -math.log(FLOOR)
    # Only mistakes: as unsure as allowed.
    assert fit_temperature(shares, 1 - types * 0) == BOUNDS[1]


@given(labelled(), st.integers(1, 30))
def test_reliability_adds_up(case, bins):
    shares, types = case
    found = reliability(shares, types, bins)
    right = shares.argmax(axis=1) == types
    filled = found.count > 0
    assert found.count.sum() == len(types) and len(found.edges) == bins + 1
    assert np.isnan(found.confidence[~filled]).all() and np.isnan(found.share_right[~filled]).all()
    weights = found.count[filled]
    assert (weights * found.share_right[filled]).sum() == pytest.approx(right.sum())
    assert (weights * found.confidence[filled]).sum() == pytest.approx(shares.max(axis=1).sum())
    gaps = np.abs(found.share_right - found.confidence)[filled]
    assert found.expected_calibration_error == pytest.approx((weights * gaps).sum() / len(types))
    assert (found.confidence[filled] >= found.edges[:-1][filled] - 1e-12).all()
    assert (found.confidence[filled] <= found.edges[1:][filled] + 1e-12).all()
    assert found.negative_log_likelihood == pytest.approx(
        np.mean([-math.log(max(row[kind], FLOOR)) for row, kind in zip(shares, types, strict=True)])
    )


def test_reliability_by_hand():
    shares = np.array([[0.9, 0.1], [1.0, 0.0], [0.3, 0.7], [0.55, 0.45]])
    found = reliability(shares, np.array([0, 1, 1, 0]))
    assert found.count.tolist() == [0, 0, 0, 0, 0, 1, 0, 1, 0, 2]
    assert found.share_right[9] == 0.5 and found.confidence[9] == pytest.approx(0.95)
    assert found.expected_calibration_error == pytest.approx((0.45 + 0.3 + 2 * 0.45) / 4)


def test_reliability_of_nothing():
    found = reliability(np.empty((0, 6)), np.empty(0, dtype=np.int64))
    assert found.count.sum() == 0 and math.isnan(found.expected_calibration_error)
    assert math.isnan(found.negative_log_likelihood)


def test_what_does_not_fit_together():
    shares = np.full((3, 2), 0.5)
    for call in (fit_temperature, reliability):
        with pytest.raises(ValueError, match="expected, not"):
            call(shares, np.zeros(2, dtype=np.int64))
        with pytest.raises(ValueError, match="types are numbers from 0 to 1"):
            call(shares, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="at least one bin"):
        reliability(shares, np.zeros(3, dtype=np.int64), bins=0)
