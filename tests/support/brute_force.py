"""Slow and obvious counterparts of the CRF and the decoder: they go through every path."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from peft_sp.biology.grammar import Grammar


def legal_paths(rules: Grammar, length: int) -> list[tuple[int, ...]]:
    """Every path of some length from a start to an end over allowed transitions."""
    paths = [(int(s),) for s in np.flatnonzero(rules.starts)]
    for _ in range(length - 1):
        paths = [(*p, int(s)) for p in paths for s in np.flatnonzero(rules.transitions[p[-1]])]
    return [p for p in paths if rules.ends[p[-1]]]


def log_weight(path, emissions, transitions, starts, ends) -> float:
    score = starts[path[0]] + ends[path[-1]] + sum(emissions[i, s] for i, s in enumerate(path))
    return float(score + sum(transitions[a, b] for a, b in itertools.pairwise(path)))


@dataclass
class Case:
    """A grammar with scores, and emissions (L, S) of one sequence."""

    rules: Grammar
    transitions: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    emissions: np.ndarray

    @property
    def scores(self):
        return self.transitions, self.starts, self.ends

    def paths(self):
        """Legal paths and their probabilities."""
        paths = legal_paths(self.rules, len(self.emissions))
        logs = np.array([log_weight(p, self.emissions, *self.scores) for p in paths])
        weights = np.exp(logs - logs.max())
        return paths, weights / weights.sum()


@st.composite
def cases(draw, spread: float = 3.0, max_length: int = 5) -> Case:
    """Random small grammars of up to three types that have at least one legal path."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    size = sum(sizes)
    of_state = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.4, 0.7, 1.0]))
    transitions = (of_state[:, None] == of_state) & (rng.random((size, size)) < density)
    # Each type can at least stay where it starts, so that every length has a legal path.
    firsts = np.flatnonzero(np.diff(of_state, prepend=-1))
    starts, ends = rng.random(size) < 0.5, rng.random(size) < 0.5
    starts[firsts], ends[firsts] = True, True
    transitions[firsts, firsts] = True
    # Linked to the first state, so that the CRF finds the same components as types.
    transitions[firsts[of_state], np.arange(size)] = True
    arrows = np.argwhere(transitions & ~np.eye(size, dtype=bool))
    cuts = arrows[rng.random(len(arrows)) < 0.5]
    rules = Grammar(transitions, starts, ends, of_state, np.zeros(size, bool), cuts.reshape(-1, 2))
    length = draw(st.integers(1, max_length))
    numbers = [rng.normal(0, spread, shape) for shape in ((size, size), size, size)]
    return Case(rules, *numbers, rng.normal(0, spread, (length, size)))
