"""How reliable the probability of a type is, and the temperature that makes it so.

Temperature scaling (Guo et al. 2017): every probability is raised to 1/T and the row is brought
back to 1. T above 1 makes a network less sure, below 1 surer; the order of the types, and with
it every predicted type, stays. T must be fitted on proteins that the network did not learn from.

Where labels are wrong, a network that is rightly sure of the opposite looks overconfident, and the
temperature alone would make it timid everywhere. `fit_with_noise` therefore fits a share of wrong
labels beside the temperature (a mixture of the network and of labels at random, by EM; the forward
correction of Patrini et al. 2017 with one rate for all types).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BOUNDS = (0.05, 20.0)
"""The temperatures that `fit_temperature` looks at."""
FLOOR = 1e-12
"""The least probability a true type is counted with."""
FEWEST_MISTAKES = 20
"""With fewer the share of wrong labels cannot be told from mistakes of the network."""
MOST_NOISE = 0.25
"""The largest share of wrong labels that is thought possible."""


def temper(probabilities: Floats, temperature: float | Floats) -> Floats:
    """Probabilities (N, K) at a temperature (N, K): p^(1/T), each row brought back to 1.

    temperature: one, or each row's own (N,). Computed in logarithms. Exact zeros stay zero; at
    T = 1 the numbers come back as they are. Raises ValueError for a temperature that is not
    positive and finite, and for rows that are no probabilities.
    """
    own = np.asarray(temperature, dtype=np.float64)
    if not np.all((own > 0) & np.isfinite(own)):
        raise ValueError(f"a temperature is positive, not {temperature}")
    logs = _relative_logs(probabilities)
    if np.all(own == 1):
        return probabilities.copy()
    return _shares(logs, 1 / own[..., None])


@dataclass(frozen=True)
class NoisyFit:
    """A temperature, the share of labels that are wrong, and what a wrong label then is.

    frequencies (K,): of the types among the labels.
    """

    temperature: float
    noise: float
    frequencies: Floats

    def doubt(self, tempered: Floats, types: Ints) -> Floats:
        """P(label is wrong) (N,), for probabilities (N, K) at the temperature and labels (N,)."""
        true = np.take_along_axis(tempered, types[:, None], axis=1)[:, 0]
        wrong = self.noise * self.frequencies[types]
        total = (1 - self.noise) * true + wrong
        return np.divide(wrong, total, out=np.zeros_like(total), where=total > 0)


def fit_with_noise(probabilities: Floats, types: Ints, steps: int = 500) -> NoisyFit:
    """The temperature and the share of wrong labels that make the labels (N,) most likely.

    The likelihood of a label k is `(1 - noise) P_T(k) + noise f(k)`, where f are the frequencies
    of the types. As `fit_temperature`, without noise, where fewer than `FEWEST_MISTAKES` labels are
    not the most probable type.
    """
    _check(probabilities, types)
    frequencies = np.bincount(types, minlength=probabilities.shape[1]) / max(len(types), 1)
    temperature, noise = fit_temperature(probabilities, types), 0.0
    if np.sum(probabilities.argmax(axis=1) != types) < FEWEST_MISTAKES:
        return NoisyFit(temperature, noise, frequencies)
    noise = 0.01
    for _ in range(steps):
        before = noise
        fit = NoisyFit(temperature, noise, frequencies)
        doubt = fit.doubt(temper(_floored(probabilities, types), temperature), types)
        noise = min(float(doubt.mean()), MOST_NOISE)
        temperature = fit_temperature(probabilities, types, 1 - doubt)
        if abs(noise - before) < 1e-6:
            break
    return NoisyFit(temperature, noise, frequencies)


def fit_temperature(probabilities: Floats, types: Ints, weights: Floats | None = None) -> float:
    """The temperature within `BOUNDS` that makes the true types (N,) most likely.

    weights (N,): of the proteins, None for equal ones.

    A true type's probability counts as at least `FLOOR`, so that a single mistake that the
    network was sure of makes it less sure instead of everything uniform. 1 where the data cannot
    tell: fewer than two proteins, no mistake at all (the likelihood would then grow with every
    sharpening, up to the bound), or rows that are all uniform. Raises ValueError where types and
    probabilities (N, K) do not fit together.
    """
    _check(probabilities, types)
    if len(types) < 2 or not np.any(probabilities.argmax(axis=1) != types):
        return 1.0
    logs = _relative_logs(_floored(probabilities, types))
    true = np.take_along_axis(logs, types[:, None], axis=1)[:, 0]
    finite = np.where(np.isfinite(logs), logs, 0.0)
    shared = None if weights is None else weights / weights.sum()

    def slope(log_temperature: float) -> float:
        """Derivative of the mean negative log likelihood by 1/T; it falls as T grows."""
        shares = _shares(logs, float(np.exp(-log_temperature)))
        return float(np.average((shares * finite).sum(axis=1) - true, weights=shared))

    # The negative log likelihood is convex in 1/T: its slope has one root at most.
    low, high = (float(np.log(bound)) for bound in BOUNDS)
    too_sharp, too_flat = slope(low) > 0, slope(high) < 0
    if not too_sharp:
        return BOUNDS[0] if too_flat else 1.0
    if not too_flat:
        return BOUNDS[1]
    return float(np.exp(brentq(slope, low, high, xtol=1e-14)))


@dataclass(frozen=True)
class Reliability:
    """How the probability of the predicted type compares with how often it is right.

    By bin, B bins of equal width over 0 to 1: count (B,) proteins; confidence (B,) mean
    probability and share_right (B,), NaN in empty bins.

    expected_calibration_error: top-label ECE, the mean over proteins of |share right - mean
    confidence| of their bin, with bins of equal width; only the predicted type's probability
    enters. negative_log_likelihood: mean of -log P(true type), floored as in `fit_temperature`.
    Both are NaN without proteins.
    """

    count: Ints
    confidence: Floats
    share_right: Floats
    expected_calibration_error: float
    negative_log_likelihood: float

    @property
    def edges(self) -> Floats:
        """Edges (B + 1,) of the bins; a bin holds its lower edge, the last one 1 as well."""
        return _edges(len(self.count))


def reliability(probabilities: Floats, types: Ints, bins: int = 10) -> Reliability:
    """Reliability of probabilities (N, K) for proteins of true types (N,).

    Raises ValueError where they do not fit together, and for fewer than one bin.
    """
    _check(probabilities, types)
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == types
    likely = np.take_along_axis(_floored(probabilities, types), types[:, None], axis=1)
    loss = float(-np.log(likely).mean()) if len(types) else float("nan")
    return reliability_of(top, right, loss, bins)


def reliability_of(
    confidence: Floats, right: NDArray[np.bool_], loss: float = float("nan"), bins: int = 10
) -> Reliability:
    """Reliability of statements, each with its probability (N,), of which some are right (N,).

    loss: their negative log likelihood. Raises ValueError for fewer than one bin.
    """
    if bins < 1:
        raise ValueError(f"at least one bin is needed, not {bins}")
    interval = np.clip(np.searchsorted(_edges(bins), confidence, side="right") - 1, 0, bins - 1)
    count = np.bincount(interval, minlength=bins)
    total = np.bincount(interval, weights=confidence, minlength=bins)
    hits = np.bincount(interval, weights=right.astype(np.float64), minlength=bins)
    empty, size = np.full(bins, np.nan), len(confidence)
    return Reliability(
        count.astype(np.int64),
        np.divide(total, count, out=empty.copy(), where=count > 0),
        np.divide(hits, count, out=empty.copy(), where=count > 0),
        float(np.abs(hits - total).sum() / size) if size else float("nan"),
        loss,
    )


def _edges(bins: int) -> Floats:
    # Divided, not stepped: the edge 0.7 is the number 0.7, which a probability may be.
    edges: Floats = np.arange(bins + 1) / bins
    return edges


def _check(probabilities: Floats, types: Ints) -> None:
    if probabilities.ndim != 2 or types.shape != probabilities.shape[:1]:
        raise ValueError(
            f"probabilities (N, K) and types (N,) expected, not {probabilities.shape} "
            f"and {types.shape}"
        )
    if np.any((types < 0) | (types >= probabilities.shape[1])):
        raise ValueError(f"types are numbers from 0 to {probabilities.shape[1] - 1}")


def _floored(probabilities: Floats, types: Ints) -> Floats:
    """Probabilities (N, K), those of the true types at least `FLOOR`."""
    rows, floored = np.arange(len(types)), probabilities.astype(np.float64)
    floored[rows, types] = np.maximum(floored[rows, types], FLOOR)
    return floored


def _relative_logs(probabilities: Floats) -> Floats:
    """Logarithms (N, K) against each row's largest; minus infinity for zeros."""
    peak = probabilities.max(axis=1, keepdims=True)
    if not (np.all(probabilities >= 0) and np.all(peak > 0) and np.all(np.isfinite(peak))):
        raise ValueError("each row needs probabilities: none negative, one above zero")
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(probabilities) - np.log(peak)
    return logs


def _shares(logs: Floats, sharpness: float | Floats) -> Floats:
    weights = np.exp(logs * sharpness)
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares
