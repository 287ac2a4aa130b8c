"""A model's card says what was measured, and a dash where nothing could be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.evaluation.model_card import as_text, card, figures, interval_text, table


@pytest.fixture(scope="module")
def scores():
    """Ten eukaryotic proteins, one of which is predicted to have a signal peptide and has none."""
    kinds = np.array([0] * 5 + [1] * 5)
    predicted = np.where(np.arange(10) == 0, 1, kinds)
    true_sites, sites = (np.where(types == 1, 20, 0) for types in (kinds, predicted))
    certain = np.eye(len(TYPES))[predicted]
    organism = np.array(["EUKARYA"] * 10)
    return score(Outcomes(organism, kinds, predicted, true_sites, sites, certain))


def test_figures_are_plain_data_with_null_where_undefined(scores):
    found = figures(scores)
    assert found["proteins"] == 10
    (one,) = found["classes"]
    assert (one["organism"], one["type"], one["proteins"]) == ("EUKARYA", "SP", 5)
    expected = (5 * 4 - 1 * 0) / math.sqrt(6 * 5 * 5 * 4)
    assert one["mcc2"] == pytest.approx(expected, abs=1e-6) == found["mean_mcc2"]
    assert one["cleavage_recall"] == [1.0] * 4
    assert one["mcc2_interval"] == [None, None], "nothing was resampled"


def test_a_table_has_a_row_a_class_and_its_means(scores):
    lines = table(figures(scores)).splitlines()
    assert lines[2] == "| EUKARYA | SP | 5 | 0.816 | 0.816 | 1.000 | 0.833 |"
    assert lines[-1].startswith("Mean MCC2 over the 1 classes: **0.816**, ")
    assert "over all 10 proteins" in lines[-1]


def test_undefined_figures_are_dashes():
    assert (as_text(None), as_text(0.12345)) == ("–", "0.123")
    assert interval_text(None, None) == "" and interval_text(0.1, 0.25) == " (0.100 to 0.250)"


def test_a_card_is_a_title_and_its_sections():
    text = card("m", "A model.", [("Training", "On data."), ("Test", "None.")])
    assert text == "# m\n\nA model.\n\n## Training\n\nOn data.\n\n## Test\n\nNone.\n"
