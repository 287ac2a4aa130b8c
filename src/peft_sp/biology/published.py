"""The rules by which the published PEFT-SP was trained and decides (Zeng et al. 2024).

Its states and their numbers are those of `grammar`, its rules stricter: a pilin's h-region leads
outside alone, and no path may end in the topology behind an SP (an oversight, for every protein
of that type ends there). And what is forbidden only costs `PENALTY`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TOPOLOGY, Grammar, grammar, state

PENALTY = -20.0
"""The score, in nats, of a transition, a start or an end that is forbidden."""


@cache
def published_grammar() -> Grammar:
    """What the published PEFT-SP allows; arrays are read-only."""
    rules = grammar()
    transitions, ends = rules.transitions.copy(), rules.ends.copy()
    for name in ("I", "M"):
        transitions[state("PILIN", "H"), state("PILIN", name)] = False
    ends[[state("SP", name) for name in TOPOLOGY]] = False
    for array in (transitions, ends):
        array.setflags(write=False)
    return replace(rules, transitions=transitions, ends=ends)


def penalised(
    transitions: NDArray[np.floating], starts: NDArray[np.floating], ends: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Scores of transitions (S, S), starts (S,) and ends (S,), with the penalty where forbidden."""
    rules = published_grammar()
    pairs = ((transitions, rules.transitions), (starts, rules.starts), (ends, rules.ends))
    first, second, third = (
        np.where(allowed, scores, PENALTY).astype(np.float64) for scores, allowed in pairs
    )
    return first, second, third
