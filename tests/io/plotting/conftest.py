"""Real predictions to draw."""

from __future__ import annotations

import pytest

import peft_sp
from peft_sp.biology.grammar import TYPES

HOSTILE = 'x</svg><script>alert(1)</script> & "quoted" $x^2_$ \\frac \u4fe1\u53f7 \ufffe'


@pytest.fixture(scope="session")
def predictions(labelled):
    """A prediction of each type, one of 12 residues, one of one, one whose name is markup."""
    pairs = [(one.accession, one.sequence) for one in labelled]
    pairs += [("short", "MKKLLAVAVLAG"), ("one", "M"), (HOSTILE, "MKKTAIAIAVALAGFATVAQAAPKDN" * 3)]
    found = list(peft_sp.load("fast", threads=1).predict(pairs, marginals=True))
    chosen = {prediction.type: prediction for prediction in found[:-3]}
    assert set(chosen) == set(TYPES)
    return [*chosen.values(), *found[-3:]]


@pytest.fixture(scope="session")
def signal(predictions):
    return next(prediction for prediction in predictions if prediction.type == "SP")
