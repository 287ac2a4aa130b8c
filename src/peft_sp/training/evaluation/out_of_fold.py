"""Out-of-fold predictions: what their probabilities are worth, and which labels they doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import NO_SP, TYPES
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import as_text, count_text
from peft_sp.io.registry.model_config import Calibration
from peft_sp.training.evaluation.calibration import reliability, reliability_of
from peft_sp.training.evaluation.evaluate import Evaluation
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.metrics import Outcomes
from peft_sp.training.evaluation.temperatures import (
    DIGITS,
    DOUBTFUL,
    fit_calibration,
    of_eukaryotes,
    site_probabilities,
    tempered,
)

COLUMNS = (
    *("accession", "partition", *(f"p_{name.lower()}" for name in TYPES)),
    *("type", "cleavage_site", "p_cleavage_site", "alternative_sites"),
)
"""Of the out-of-fold table; alternative sites stand as in `predictions.tsv`."""
_ALTERNATIVES = 4
BANDS = (0.0, 0.5, 0.7, 0.85, 0.95, 0.99, 1.0)
"""Edges of the probabilities of predicted signal peptides that are counted together: narrower where
most of them are."""
_NO_SP = TYPES.index(NO_SP)


@dataclass(frozen=True)
class Calibrated:
    """Predictions (N) of one fold, at temperatures that were fitted on other folds.

    outcomes: at `calibration`; plain: at temperatures that take every label for right; sites (N, L)
    P(type and cut after residue); doubt (N,) P(label is wrong).
    """

    calibration: Calibration
    before: Outcomes
    outcomes: Outcomes
    plain: Outcomes
    sites: NDArray[np.float64]
    doubt: NDArray[np.float64]

    @staticmethod
    def by(own: Evaluation, others: Evaluation, fitted_on: str) -> Calibrated:
        """own: of the fold; others: of those that its temperatures are fitted on."""
        fitted = fit_calibration(others)
        calibration = fitted.calibration(fitted_on)
        plain = fit_calibration(others, noise=False).calibration(fitted_on)
        outcomes = tempered(own.outcomes, calibration)
        return Calibrated(
            calibration,
            own.outcomes,
            outcomes,
            tempered(own.outcomes, plain),
            site_probabilities(own, calibration),
            fitted.doubt(outcomes),
        )


def table_rows(
    proteins: Sequence[LabelledProtein], outcomes: Outcomes, sites: NDArray[np.float64]
) -> Iterator[tuple[str, ...]]:
    """Rows of the out-of-fold table, in the order of `COLUMNS`.

    sites: P(type and cut after residue) (N, L), zero without a cut.
    """
    order = np.argsort(-sites, axis=1, kind="stable")[:, : 1 + _ALTERNATIVES]
    best = np.take_along_axis(sites, order, axis=1)
    for protein, shares, kind, site, positions, probabilities in zip(
        proteins,
        outcomes.probabilities.tolist(),
        outcomes.type.tolist(),
        outcomes.site.tolist(),
        (order + 1).tolist(),
        best.tolist(),
        strict=True,
    ):
        ranked = zip(positions, probabilities, strict=True) if site else ()
        others = [f"{p}:{share:.4f}" for p, share in ranked if p != site and share > 0]
        yield (
            protein.accession,
            str(protein.partition),
            *(f"{share:.6f}" for share in shares),
            TYPES[kind],
            str(site or ""),
            f"{probabilities[0]:.6f}" if site else "",
            " ".join(others[:_ALTERNATIVES]),
        )


def probability_figures(folds: Sequence[Calibrated]) -> dict[str, Any]:
    """Figures of all folds together, by group of organisms; none without folds."""
    if not folds:
        return {}
    before, outcomes, plain = (
        Outcomes.concatenate([getattr(fold, name) for fold in folds])
        for name in ("before", "outcomes", "plain")
    )
    sites, doubt = (
        np.concatenate([getattr(fold, name) for fold in folds]) for name in ("sites", "doubt")
    )
    eukaryotic = of_eukaryotes(outcomes)
    groups = {"all": np.ones_like(eukaryotic), "eukaryotes": eukaryotic, "others": ~eukaryotic}
    found = {}
    for name, rows in groups.items():
        if not rows.any():
            continue
        own, sure = outcomes.take(rows), rows & (doubt <= DOUBTFUL)
        any_type = 1 - own.probabilities[:, _NO_SP]
        without = own.true_type == _NO_SP
        found[name] = {
            "proteins": int(rows.sum()),
            "calls": int((own.type != _NO_SP).sum()),
            "expected": _rounded(any_type.sum()),
            "median_without": _rounded(np.median(any_type[without])) if without.any() else None,
            "error_of_type": _error(own),
            "error_of_site": _site_error(own, sites[rows]),
            **called_figures(own),
            "doubtful": int((rows & (doubt > DOUBTFUL)).sum()),
            "loss": {
                key: [_loss(which.take(part)) for part in (rows, sure)]
                for key, which in (("before", before), ("plain", plain), ("noise", outcomes))
            },
        }
    return found


def called_figures(outcomes: Outcomes) -> dict[str, Any]:
    """What the probability of the type is worth where a signal peptide was predicted.

    Of all proteins, most have none and a probability near 1, which hides the others in a mean.
    """
    called = outcomes.take(outcomes.type != _NO_SP)
    confidence = called.probabilities.max(axis=1)
    right = called.type == called.true_type
    band = np.clip(np.searchsorted(BANDS, confidence, side="right") - 1, 0, len(BANDS) - 2)
    bands = [
        {
            "from": BANDS[number],
            "proteins": int(rows.sum()),
            "confidence": _rounded(confidence[rows].mean()),
            "right": _rounded(right[rows].mean()),
        }
        for number in range(len(BANDS) - 1)
        if (rows := band == number).any()
    ]
    error = reliability_of(confidence, right).expected_calibration_error
    return {"error_of_called": _rounded(error) if len(right) else None, "bands_of_called": bands}


def probability_section(groups: Mapping[str, Any]) -> list[str]:
    """The figures as Markdown."""
    quality = [
        (
            name,
            count_text(own["proteins"]),
            as_text(own["error_of_type"]),
            as_text(own.get("error_of_called")),
            as_text(own["error_of_site"]),
            "-" if own["median_without"] is None else f"{own['median_without']:.4f}",
            f"{own['expected']:,.0f} / {own['calls']:,}",
        )
        for name, own in groups.items()
    ]
    losses = [
        (
            name,
            str(own["doubtful"]),
            *(" / ".join(map(_loss_text, own["loss"][k])) for k in ("before", "plain", "noise")),
        )
        for name, own in groups.items()
    ]
    return [
        "Temperatures are fitted on the other folds' predictions: one for types, one for those of "
        "eukaryotes, one for cleavage sites; with those of types a share of wrong labels is "
        "fitted.",
        "",
        *markdown_table(
            [
                "proteins",
                "number",
                "calibration error of the type",
                "of predicted signal peptides alone",
                "of the site",
                "median P(signal peptide) without one",
                "sum of P(signal peptide) / predicted",
            ],
            quality,
        ),
        "",
        *_bands(groups),
        "Mean negative log likelihood of the types, with all labels / without those that are more "
        "probably wrong than right by the fit:",
        "",
        *markdown_table(
            ["proteins", "doubtful labels", "as trained", "every label taken for right", "as used"],
            losses,
        ),
    ]


def _bands(groups: Mapping[str, Any]) -> list[str]:
    """Predicted signal peptides by the probability of their type; none of earlier versions."""
    counted = {
        name: {band["from"]: band for band in own["bands_of_called"]}
        for name, own in groups.items()
        if "bands_of_called" in own
    }
    if not counted:
        return []
    rows = []
    for low, high in pairwise(BANDS):
        found = [bands.get(low) for bands in counted.values()]
        texts = [
            f"{b['right']:.3f} of {b['proteins']:,} ({b['confidence']:.3f})" if b else "-"
            for b in found
        ]
        rows.append((f"{low:g} to {high:g}", *texts))
    return [
        "Predicted signal peptides by the probability of their type: how many of them have this "
        "type by their label, and in brackets the mean probability. Where the two differ, the "
        "probability promises too much or too little:",
        "",
        *markdown_table(["probability", *counted], rows),
        "",
    ]


def _error(outcomes: Outcomes) -> float:
    found = reliability(outcomes.probabilities, outcomes.true_type)
    return _rounded(found.expected_calibration_error)


def _site_error(outcomes: Outcomes, sites: NDArray[np.float64]) -> float | None:
    """Of the predicted sites; one is right where type and site are."""
    rows = np.flatnonzero(outcomes.site > 0)
    if not len(rows):
        return None
    confidence = sites[rows, outcomes.site[rows] - 1]
    right = (outcomes.site == outcomes.true_site) & (outcomes.type == outcomes.true_type)
    return _rounded(reliability_of(confidence, right[rows]).expected_calibration_error)


def _loss(outcomes: Outcomes) -> float | None:
    if not len(outcomes.type):
        return None
    found = reliability(outcomes.probabilities, outcomes.true_type)
    return _rounded(found.negative_log_likelihood)


def _loss_text(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"


def _rounded(number: float) -> float:
    return round(float(number), DIGITS)
