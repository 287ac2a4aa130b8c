import json
import math
from dataclasses import fields

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from peft_sp.biology.grammar import TYPES
from peft_sp.io.registry.accuracy import BIG_CLASSES, MEAN_MCC2, ClassFigures, Figures, summary
from peft_sp.training.evaluation.metrics import (
    Outcomes,
    cleavage_scores,
    mcc,
    score,
)

KIND = {name: number for number, name in enumerate(TYPES)}


def outcomes(rows):
    """Rows of (organism, true type, predicted type, true site, site)."""
    organism, true, predicted, true_site, site = zip(*rows, strict=True)
    shares = np.eye(len(TYPES))[[KIND[p] for p in predicted]]
    return Outcomes(
        np.array(organism),
        np.array([KIND[t] for t in true]),
        np.array([KIND[p] for p in predicted]),
        np.array(true_site),
        np.array(site),
        shares,
    )


def random_outcomes(seed=0, size=400):
    rng = np.random.default_rng(seed)
    true = rng.choice(["NO_SP", "SP", "LIPO"], size, p=[0.6, 0.3, 0.1])
    predicted = np.where(rng.random(size) < 0.8, true, rng.permutation(true))
    organism = rng.choice(["EUKARYA", "NEGATIVE"], size)
    return outcomes([(o, t, p, 0, 0) for o, t, p in zip(organism, true, predicted, strict=True)])


def test_mcc_equals_the_reference():
    found = random_outcomes()
    true, predicted = found.true_type == 1, found.type == 1
    cells = (true & predicted, ~true & predicted, true & ~predicted, ~true & ~predicted)
    ours = mcc(*(np.array(cell.sum()) for cell in cells))
    assert ours == pytest.approx(matthews_corrcoef(true, predicted))
    assert mcc(*(np.array(n) for n in (0, 0, 5, 5))) == 0


def test_each_class_against_the_reference():
    found = random_outcomes(1)
    scores = score(found, resamples=200)
    assert {(c.organism, c.type) for c in scores.classes} == {
        (o, t) for o in ("EUKARYA", "NEGATIVE") for t in ("SP", "LIPO")
    }
    for c in scores.classes:
        group = found.take(found.organism == c.organism)
        true, predicted = group.true_type == KIND[c.type], group.type == KIND[c.type]
        assert c.mcc2 == pytest.approx(matthews_corrcoef(true, predicted))
        pair = np.isin(group.true_type, [0, KIND[c.type]])
        assert c.mcc1 == pytest.approx(matthews_corrcoef(true[pair], predicted[pair]))
        assert c.mcc2_interval[0] < c.mcc2 < c.mcc2_interval[1]
    assert scores.mean_mcc2 == pytest.approx(np.mean([c.mcc2 for c in scores.classes]))
    assert scores.mean_mcc2_interval[0] < scores.mean_mcc2 < scores.mean_mcc2_interval[1]
    assert scores.multiclass_mcc == pytest.approx(matthews_corrcoef(found.true_type, found.type))


def test_intervals_shrink_with_the_data():
    def width(size):
        low, high = score(random_outcomes(2, size), resamples=200).mean_mcc2_interval
        return high - low

    assert width(3000) < 0.6 * width(300)


def test_cleavage_sites():
    found = outcomes(
        [
            ("EUKARYA", "SP", "SP", 20, 20),
            ("EUKARYA", "SP", "SP", 20, 22),
            ("EUKARYA", "SP", "SP", 20, 29),
            ("EUKARYA", "SP", "NO_SP", 20, 0),
            ("EUKARYA", "NO_SP", "SP", 0, 18),
            # Predictions of another type do not count against this one.
            ("EUKARYA", "SP", "LIPO", 20, 20),
            # Sites of other types count as none.
            ("EUKARYA", "LIPO", "SP", 20, 20),
        ]
    )
    recall, precision = cleavage_scores(found, KIND["SP"])
    assert recall == pytest.approx((1 / 5, 1 / 5, 2 / 5, 2 / 5))
    assert precision == pytest.approx((1 / 5, 1 / 5, 2 / 5, 2 / 5))


def test_nothing_predicted_is_undefined_not_zero():
    found = outcomes([("EUKARYA", "SP", "NO_SP", 20, 0), ("EUKARYA", "NO_SP", "NO_SP", 0, 0)])
    recall, precision = cleavage_scores(found, KIND["SP"])
    assert recall == (0, 0, 0, 0)
    assert all(math.isnan(p) for p in precision)


def test_pooling_is_concatenation():
    parts = [random_outcomes(3), random_outcomes(4)]
    pooled = Outcomes.concatenate(parts)
    assert len(pooled.type) == 800
    assert (pooled.take(np.arange(400, 800)).type == parts[1].type).all()


def test_scores_have_the_names_of_the_figures():
    scores = score(random_outcomes(), resamples=20)
    for own, table in ((scores, Figures), (scores.classes[0], ClassFigures)):
        declared = [field.name for field in fields(table) if "check" in field.metadata]
        assert [field.name for field in fields(own)] == declared


def test_figures_are_rounded_and_read_back_as_they_were_written():
    figures = score(random_outcomes(), resamples=20).figures
    content = json.loads(json.dumps(figures.to_json(), allow_nan=False))
    assert Figures.of(content, "") == figures
    assert figures.mean_mcc2 == round(figures.mean_mcc2, 6)
    assert figures.classes[0].cleavage_precision == (None,) * 4, "no site was predicted"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("resamples", [0, 20])
@pytest.mark.parametrize(
    "rows",
    [
        [("EUKARYA", "NO_SP", "NO_SP", 0, 0)] * 4,
        [("EUKARYA", "NO_SP", "SP", 0, 20)] * 4,
        [("EUKARYA", "SP", "SP", 20, 20)] * 4,
        [],
    ],
    ids=["no signal peptides", "none but predicted", "nothing else", "no proteins"],
)
def test_figures_of_a_single_type_are_undefined_without_a_warning(rows, resamples):
    empty = outcomes([("EUKARYA", "SP", "SP", 20, 20)]).take(np.array([], dtype=int))
    scores = score(outcomes(rows) if rows else empty, resamples)
    figures = scores.figures
    assert (figures.mean_mcc1, figures.mean_mcc2) == (None, None)
    assert figures.mean_mcc2_interval == (None, None)
    assert (figures.big_classes_mcc2, figures.multiclass_mcc) == (None, None)
    assert summary(scores) == "mean MCC2 –, five big classes –, multi-class MCC –"
    assert math.isfinite(scores.selection)


@pytest.mark.filterwarnings("error")
def test_big_classes_have_a_mean_where_all_of_them_are():
    classes = list(BIG_CLASSES)
    negatives = [(o, "NO_SP", "NO_SP", 0, 0) for o, _ in classes]
    positives = [(o, t, t, 20, 20) for o, t in classes]
    assert score(outcomes(positives + negatives)).big_classes_mcc2 == 1
    assert math.isnan(score(outcomes(positives[:-1] + negatives)).big_classes_mcc2)


@pytest.mark.filterwarnings("error")
def test_resamples_without_any_class_are_left_out():
    rows = [("EUKARYA", "SP", "SP", 20, 20), ("EUKARYA", "NO_SP", "NO_SP", 0, 0)]
    scores = score(outcomes(rows), 50)
    assert scores.mean_mcc2 == 1 and scores.mean_mcc2_interval == (1, 1)
    assert MEAN_MCC2.text(scores) == "1.000", "an interval without width says nothing"
