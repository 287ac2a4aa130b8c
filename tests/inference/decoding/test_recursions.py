"""What the recursions read; what they compute is tested through the decoder."""

import numpy as np
import pytest

from peft_sp.biology.grammar import Grammar, grammar
from peft_sp.inference.decoding.crf_scores import CrfScores
from peft_sp.inference.decoding.recursions import Tables

SIZE = grammar().size
ZEROS = CrfScores(np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE))


def test_what_is_forbidden_has_no_weight_and_predecessors_are_all_arrows():
    tables, rules = Tables(grammar(), ZEROS), grammar()
    assert np.array_equal(tables.transitions > 0, rules.transitions)
    assert np.array_equal(tables.starts > 0, rules.starts)
    assert np.array_equal(tables.ends > 0, rules.ends)
    listed = {(s, t) for row in tables.predecessors.tolist() for t, s in enumerate(row)}
    assert {tuple(pair) for pair in np.argwhere(rules.transitions).tolist()} <= listed


def test_states_are_ordered_by_type():
    ones = np.ones(2, dtype=bool)
    arrows, kinds = np.ones((2, 2), dtype=bool), np.array([1, 0])
    rules = Grammar(arrows, ones, ones, kinds, ones, np.zeros((0, 2), dtype=np.int64))
    with pytest.raises(ValueError, match="ordered by type"):
        Tables(rules, CrfScores(np.zeros((2, 2)), np.zeros(2), np.zeros(2)))
