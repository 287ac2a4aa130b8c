"""The temperatures of a model, fitted on predictions of proteins that it did not learn from.

Types have one temperature, and eukaryotes, of which there are enough, another; cleavage sites have
one of their own. Labelled prokaryotes alone would give a temperature that fits no proteome: most of
them have a signal peptide, and what a network mistakes among them says little of how sure it may
be of a cytosolic protein.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES
from peft_sp.io.registry.model_config import Calibration
from peft_sp.training.evaluation.calibration import (
    FEWEST_MISTAKES,
    NoisyFit,
    fit_temperature,
    fit_with_noise,
    temper,
)
from peft_sp.training.evaluation.evaluate import Evaluation
from peft_sp.training.evaluation.metrics import Outcomes

DIGITS = 4
"""Of a temperature, after the point: more would be noise of the last bits of float32."""
DOUBTFUL = 0.5
"""A label that is more probably wrong is called doubtful."""


@dataclass(frozen=True)
class Fitted:
    """Fits of the types of all proteins and of eukaryotes, and the temperature of sites."""

    every: NoisyFit
    eukarya: NoisyFit
    sites: float

    def calibration(self, fitted_on: str) -> Calibration:
        """The temperatures as `config.json` has them."""
        types, eukarya = (
            round(self.every.temperature, DIGITS),
            round(self.eukarya.temperature, DIGITS),
        )
        return Calibration(types, eukarya, round(self.sites, DIGITS), fitted_on)

    def doubt(self, outcomes: Outcomes) -> NDArray[np.float64]:
        """P(label is wrong) (N,), for outcomes that are `tempered`."""
        shares, labels = outcomes.probabilities, outcomes.true_type
        own, others = (part.doubt(shares, labels) for part in (self.eukarya, self.every))
        return np.where(of_eukaryotes(outcomes), own, others)


def tempered(outcomes: Outcomes, calibration: Calibration | None) -> Outcomes:
    """The outcomes with probabilities of types at a model's temperatures."""
    if calibration is None:
        return outcomes
    eukarya = calibration.eukarya or calibration.temperature
    own = np.where(of_eukaryotes(outcomes), eukarya, calibration.temperature)
    return replace(outcomes, probabilities=temper(outcomes.probabilities, own))


def site_probabilities(
    evaluation: Evaluation, calibration: Calibration | None
) -> NDArray[np.float64]:
    """P(type and cut after residue) (N, L) at a model's temperatures, zero without a cut."""
    outcomes = tempered(evaluation.outcomes, calibration)
    rows = np.flatnonzero(outcomes.site > 0)
    given = temper(
        evaluation.cuts[rows].astype(np.float64), calibration.sites if calibration else 1
    )
    found = np.zeros(evaluation.cuts.shape)
    found[rows] = given * outcomes.probabilities[rows, outcomes.type[rows]][:, None]
    return found


def of_eukaryotes(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Which proteins (N,) are of eukaryotes."""
    return np.asarray(outcomes.organism == "EUKARYA")


def fit_calibration(evaluation: Evaluation, *, noise: bool = True) -> Fitted:
    """Temperatures for a model like the one that predicted this.

    noise: whether a share of wrong labels is fitted, too. Eukaryotes with too few mistakes to fit
    anything get the temperature of all proteins.
    """
    outcomes = evaluation.outcomes
    every = _fit_types(outcomes, noise)
    eukaryotes = outcomes.take(of_eukaryotes(outcomes))
    enough = np.sum(eukaryotes.type != eukaryotes.true_type) >= FEWEST_MISTAKES
    eukarya = _fit_types(eukaryotes, noise) if enough else every
    return Fitted(every, eukarya, _fit_sites(evaluation))


def _fit_types(outcomes: Outcomes, noise: bool) -> NoisyFit:
    if noise:
        return fit_with_noise(outcomes.probabilities, outcomes.true_type)
    temperature = fit_temperature(outcomes.probabilities, outcomes.true_type)
    return NoisyFit(temperature, 0.0, np.zeros(len(TYPES)))


def _fit_sites(evaluation: Evaluation) -> float:
    """The temperature of the sites of proteins whose type is right."""
    outcomes = evaluation.outcomes
    rows = np.flatnonzero(
        (outcomes.true_site > 0) & (outcomes.site > 0) & (outcomes.type == outcomes.true_type)
    )
    cuts = evaluation.cuts[rows].astype(np.float64)
    return fit_temperature(cuts, outcomes.true_site[rows] - 1)
