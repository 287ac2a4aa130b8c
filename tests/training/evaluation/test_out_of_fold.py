from dataclasses import replace

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.inference.loading import load
from peft_sp.training.evaluation.evaluate import evaluate
from peft_sp.training.evaluation.metrics import Outcomes
from peft_sp.training.evaluation.out_of_fold import (
    COLUMNS,
    Calibrated,
    called_figures,
    probability_figures,
    probability_section,
    table_rows,
)


@pytest.fixture(scope="module")
def predicted(labelled):
    proteins = labelled[::3]
    return proteins, evaluate(load("fast", threads=1, temperature=1.0).backend, proteins)


@pytest.fixture(scope="module")
def calibrated(predicted):
    _, evaluation = predicted
    return Calibrated.by(evaluation, evaluation, "itself")


def test_figures_are_those_of_each_group(predicted, calibrated):
    proteins, evaluation = predicted
    found = probability_figures([calibrated])
    assert list(found) == ["all", "eukaryotes", "others"]
    assert found["all"]["proteins"] == len(proteins)
    assert found["eukaryotes"]["proteins"] == sum(p.organism == "EUKARYA" for p in proteins)
    any_type = 1 - calibrated.outcomes.probabilities[:, 0]
    without = np.array([p.type == "NO_SP" for p in proteins])
    assert found["all"]["median_without"] == pytest.approx(np.median(any_type[without]), abs=1e-4)
    assert found["all"]["expected"] == pytest.approx(any_type.sum(), abs=1e-4)
    assert found["all"]["calls"] == int((evaluation.outcomes.type > 0).sum())
    cut = np.flatnonzero(evaluation.outcomes.site > 0)
    right = np.array([p.cleavage_site or 0 for p in proteins]) == evaluation.outcomes.site
    assert 0 <= found["all"]["error_of_site"] <= 1
    assert 0.5 < right[cut].mean() < 1


def test_predicted_signal_peptides_are_counted_by_their_probability():
    shares = np.zeros((5, len(TYPES)))
    shares[:, :3] = [[1, 0, 0], [0, 0.9, 0.1], [0.1, 0.9, 0], [0.4, 0, 0.6], [0.005, 0.995, 0]]
    kinds, labels = np.array([0, 1, 1, 2, 1]), np.array([1, 1, 0, 2, 1])
    none = np.zeros(5, dtype=np.int64)
    found = called_figures(Outcomes(np.array(["OTHER"] * 5), labels, kinds, none, none, shares))
    assert [tuple(band.values()) for band in found["bands_of_called"]] == [
        (0.5, 1, 0.6, 1.0),
        (0.85, 2, 0.9, 0.5),
        (0.99, 1, 0.995, 1.0),
    ]
    # Bins of a tenth: 0.6, then 0.9 twice and 0.995 in one.
    error = (1 * abs(1 - 0.6) + 3 * abs(2 / 3 - 2.795 / 3)) / 4
    assert found["error_of_called"] == pytest.approx(error, abs=1e-4)


def test_a_doubtful_label_is_left_out_of_the_second_loss(predicted, calibrated):
    doubt = np.zeros(len(calibrated.doubt))
    worst = calibrated.outcomes.probabilities[
        np.arange(len(doubt)), calibrated.outcomes.true_type
    ].argmin()
    doubt[worst] = 0.9
    found = probability_figures([replace(calibrated, doubt=doubt)])["all"]
    assert found["doubtful"] == 1
    for every, without in found["loss"].values():
        assert without < every
    text = "\n".join(probability_section({"all": found}))
    best = found["bands_of_called"][-1]
    assert f"| 0.99 to 1 | {best['right']:.3f} of {best['proteins']:,} (" in text
    assert (
        f"| all | 1 | {found['loss']['before'][0]:.4f} / {found['loss']['before'][1]:.4f} |" in text
    )


def test_the_table_has_the_site_and_the_next_four_with_their_probabilities(predicted, calibrated):
    proteins, evaluation = predicted
    rows = list(table_rows(proteins, calibrated.outcomes, calibrated.sites))
    assert all(len(row) == len(COLUMNS) for row in rows)
    number = next(n for n, p in enumerate(proteins) if evaluation.outcomes.site[n] > 0)
    row = dict(zip(COLUMNS, rows[number], strict=True))
    site = int(evaluation.outcomes.site[number])
    assert row["cleavage_site"] == str(site)
    assert float(row["p_cleavage_site"]) == pytest.approx(
        calibrated.sites[number, site - 1], abs=1e-6
    )
    others = [part.split(":") for part in row["alternative_sites"].split()]
    assert len(others) == 4 and str(site) not in dict(others)
    assert [float(share) for _, share in others] == sorted(
        (float(share) for _, share in others), reverse=True
    )
    kind = TYPES.index(row["type"])
    assert float(row["p_cleavage_site"]) <= calibrated.outcomes.probabilities[number, kind]
    without = next(n for n in range(len(proteins)) if evaluation.outcomes.site[n] == 0)
    assert rows[without][-3:] == ("", "", "")
