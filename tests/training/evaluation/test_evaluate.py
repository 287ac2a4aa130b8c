"""One pass over labelled proteins, decoded in the three ways that a report compares."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.errors import OutputError
from peft_sp.inference.loading import load
from peft_sp.training.evaluation.evaluate import (
    Evaluation,
    evaluate,
    read_evaluation,
    write_evaluation,
)
from peft_sp.training.evaluation.metrics import Outcomes

EUKARYOTIC = [TYPES.index(name) for name in ("NO_SP", "SP")]


@pytest.fixture(scope="module")
def proteins(labelled):
    return labelled[::4]


@pytest.fixture(scope="module")
def fast():
    return load(threads=1, temperature=1.0)


@pytest.fixture(scope="module")
def evaluation(fast, proteins):
    return evaluate(fast.backend, proteins)


def test_outcomes_are_what_is_predicted(fast, proteins, evaluation):
    found = list(fast.predict([(p.accession, p.sequence) for p in proteins]))
    assert [TYPES[n] for n in evaluation.outcomes.type] == [p.type for p in found]
    sites = [p.cleavage_site or 0 for p in found]
    assert evaluation.outcomes.site.tolist() == sites
    expected = np.array([list(p.probabilities.values()) for p in found])
    np.testing.assert_allclose(evaluation.outcomes.probabilities, expected, atol=1e-6)


def test_the_truth_is_that_of_the_labels(proteins, evaluation):
    for outcomes in (evaluation.outcomes, evaluation.restricted, evaluation.viterbi):
        assert [TYPES[n] for n in outcomes.true_type] == [p.type for p in proteins]
        assert outcomes.true_site.tolist() == [p.cleavage_site or 0 for p in proteins]


def test_eukaryotes_are_restricted_to_their_types_and_others_are_not(evaluation):
    eukaryotes = evaluation.outcomes.organism == "EUKARYA"
    assert 0 < eukaryotes.sum() < len(eukaryotes)
    assert np.isin(evaluation.restricted.type[eukaryotes], EUKARYOTIC).all()
    probabilities = evaluation.restricted.probabilities
    np.testing.assert_allclose(probabilities[eukaryotes][:, EUKARYOTIC].sum(1), 1, atol=1e-6)
    others = evaluation.outcomes.take(~eukaryotes)
    np.testing.assert_array_equal(
        evaluation.restricted.take(~eukaryotes).probabilities, others.probabilities
    )


def test_the_best_path_has_a_site_where_its_type_has_one(evaluation):
    path = evaluation.viterbi
    assert ((path.site > 0) == (path.type > 0)).all()
    assert (path.type == evaluation.outcomes.type).mean() > 0.9


def test_an_evaluation_is_read_as_it_was_written(evaluation, tmp_path):
    write_evaluation(evaluation, tmp_path / "evaluation.npz")
    again = read_evaluation(tmp_path / "evaluation.npz")
    np.testing.assert_array_equal(again.lengths, evaluation.lengths)
    for name in ("outcomes", "restricted", "viterbi"):
        for column in fields(Outcomes):
            one, other = (getattr(getattr(e, name), column.name) for e in (again, evaluation))
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_evaluation_is_one_error(content, tmp_path):
    path = tmp_path / "evaluation.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OutputError, match=r"evaluation\.npz: .*remove it"):
        read_evaluation(path)


def test_several_test_sets_are_one_table(evaluation):
    both = Evaluation.concatenate([evaluation, evaluation])
    size = len(evaluation.lengths)
    assert len(both.lengths) == len(both.outcomes.type) == 2 * size
    assert both.viterbi.take(slice(size, None)).site.tolist() == evaluation.viterbi.site.tolist()
    assert both.scores.proteins == 2 * size
