"""What the published PEFT-SP allows beside what this program does."""

from __future__ import annotations

import numpy as np

from peft_sp.biology.grammar import grammar
from peft_sp.biology.published import PENALTY, penalised, published_grammar


def test_it_allows_80_transitions_and_15_ends_of_this_programs_82_and_18():
    own, published = grammar(), published_grammar()
    assert (own.transitions.sum(), published.transitions.sum()) == (82, 80)
    more = np.argwhere(own.transitions & ~published.transitions).tolist()
    assert more == [[33, 34], [33, 35]]
    assert np.flatnonzero(own.ends & ~published.ends).tolist() == [6, 7, 8]
    assert not (published.transitions & ~own.transitions).any()
    assert published.ends.sum() == 15 and not (published.ends & ~own.ends).any()
    assert published.starts is own.starts


def test_what_is_forbidden_has_the_penalty_and_the_rest_its_score():
    scores = np.arange(37 * 37.0).reshape(37, 37), np.arange(37.0), np.arange(37.0)
    rules = published_grammar()
    allowed = rules.transitions, rules.starts, rules.ends
    for given, legal, found in zip(scores, allowed, penalised(*scores), strict=True):
        assert (found[legal] == given[legal]).all()
        assert (found[~legal] == PENALTY).all() and PENALTY == -20
