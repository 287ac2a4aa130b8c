"""The one decoder: emissions of a batch -> types, cleavage sites, regions, in NumPy.

Every prediction of every backend passes through here. Recursions run in probability space,
rescaled every few residues for each type on its own, in float64; nothing loops over proteins
or, but for the recursions' own step, over residues.

A protein's type is the most probable one. Every path of a type with a signal peptide has
exactly one cut, so P(cut after residue i, type) sums to P(type) over i; the cleavage site
is its largest term, and the state path is the best one of that type with that cut. Type,
site and regions of a prediction therefore always agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import Grammar

RESCALED_EVERY = 4
"""Residues between two rescalings. Between them a path's weight may fall to 1e-308 of its type's
best emissions before it is lost: 177 nats a residue; the shipped networks differ by 18 at most."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class CrfScores:
    """Scores of transitions (S, S), starts (S,) and ends (S,); forbidden ones are not read.

    temperature: by which log probabilities of types are divided, so that they can be taken at
    their word (Guo et al. 2017); it changes no predicted type, site or region.
    """

    transitions: NDArray[np.floating]
    starts: NDArray[np.floating]
    ends: NDArray[np.floating]
    temperature: float = 1.0


@dataclass(frozen=True)
class Decoded:
    """Predictions of a batch of B windows, K types.

    type_probabilities (B, K); types (B,) index of the predicted type; sites (B,) 1-based
    last residue before the cut, 0 without one; site_probabilities (B,) P(type and cut there),
    0 without one; paths (B, L) state numbers, -1 behind the end and in windows whose type has
    no cut. Where they were asked for: marginals (B, L, S) P(state at residue), zero behind the
    end; cleavage (B, L) P(type and cut after residue), zero without one.
    """

    type_probabilities: Floats
    types: Ints
    sites: Ints
    site_probabilities: Floats
    paths: NDArray[np.int8]
    marginals: Floats | None = None
    cleavage: Floats | None = None


@dataclass(frozen=True)
class _Sweep:
    """Forward variables, time first: weights, state (L, B, S), scale (L, B, K), mostly 1."""

    weights: Floats
    state: Floats
    scale: Floats
    log_partition: Floats


class Decoder:
    """Decodes emissions under a grammar whose states are grouped by type."""

    def __init__(self, rules: Grammar, scores: CrfScores) -> None:
        if np.any(np.diff(rules.type_of_state) < 0):
            raise ValueError("states must be ordered by type")
        self.rules = rules
        self.type_starts = np.flatnonzero(np.diff(rules.type_of_state, prepend=-1))
        kinds = np.arange(rules.type_of_state[-1] + 1)
        self.membership = (rules.type_of_state[:, None] == kinds).astype(np.float64)
        self.log_transitions = np.where(rules.transitions, scores.transitions, -np.inf)
        self.log_starts = np.where(rules.starts, scores.starts, -np.inf)
        self.log_ends = np.where(rules.ends, scores.ends, -np.inf)
        self.transitions = np.exp(self.log_transitions, dtype=np.float64)
        self.starts = np.exp(self.log_starts, dtype=np.float64)
        self.ends = np.exp(self.log_ends, dtype=np.float64)
        self.temperature = scores.temperature
        self.predecessors = _predecessors(rules.transitions)

    def decode(
        self,
        emissions: NDArray[np.floating],
        lengths: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
        marginals: bool = False,
    ) -> Decoded:
        """Predictions from emissions (B, L, S) of windows of `lengths` (B,), each at least 1.

        allowed_types (K,) or (B, K) bool: the posterior is restricted to these types exactly,
        as if the others did not exist. marginals: whether to give them, which takes longer.
        """
        by_place = np.ascontiguousarray(emissions.transpose(1, 0, 2), dtype=np.float64)
        sweep = self._forward(by_place, lengths)
        probabilities = self._type_probabilities(sweep, allowed_types)
        types = probabilities.argmax(axis=1)
        batch, length = emissions.shape[:2]
        sites = np.zeros(batch, dtype=np.int64)
        site_probabilities = np.zeros(batch)
        paths = np.full((batch, length), -1, dtype=np.int8)
        cleavage = np.zeros((batch, length)) if marginals else None
        with_cut = np.isin(types, self.rules.type_of_state[self.rules.cuts[:, 0]])
        if some := np.flatnonzero(with_cut).tolist():
            chosen = types[some]
            part = _Sweep(
                sweep.weights[:, some],
                sweep.state[:, some],
                sweep.scale[:, some],
                sweep.log_partition[some],
            )
            cuts = self._cuts(part, lengths[some], chosen)
            best = cuts.argmax(axis=1)
            sites[some] = best + 1
            share = probabilities[some, chosen]
            site_probabilities[some] = cuts[np.arange(len(some)), best] * share
            paths[some] = self._best_paths(by_place[:, some], lengths[some], chosen, best)
            if cleavage is not None:
                cleavage[some] = cuts * share[:, None]
        states = self._marginals(sweep, lengths, probabilities) if marginals else None
        return Decoded(probabilities, types, sites, site_probabilities, paths, states, cleavage)

    def cleavage_posterior(
        self,
        emissions: NDArray[np.floating],
        lengths: Ints,
        types: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """P(window is of its type in `types` (B,) and is cut after residue i + 1) (B, L)."""
        by_place = np.ascontiguousarray(emissions.transpose(1, 0, 2), dtype=np.float64)
        sweep = self._forward(by_place, lengths)
        probabilities = self._type_probabilities(sweep, allowed_types)
        share = probabilities[np.arange(len(types)), types]
        return self._cuts(sweep, lengths, types) * share[:, None]

    def marginals(
        self,
        emissions: NDArray[np.floating],
        lengths: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """P(state at residue | window) (B, L, S); zero behind the end."""
        by_place = np.ascontiguousarray(emissions.transpose(1, 0, 2), dtype=np.float64)
        sweep = self._forward(by_place, lengths)
        return self._marginals(sweep, lengths, self._type_probabilities(sweep, allowed_types))

    def best_paths(self, emissions: NDArray[np.floating], lengths: Ints) -> NDArray[np.int8]:
        """The best path (B, L) over all types (Viterbi); -1 behind the end."""
        by_place = np.ascontiguousarray(emissions.transpose(1, 0, 2), dtype=np.float64)
        return self._viterbi(by_place, lengths)

    def _forward(self, by_place: Floats, lengths: Ints) -> _Sweep:
        of_state = self.rules.type_of_state
        length, batch, size = by_place.shape
        peak = np.maximum.reduceat(by_place, self.type_starts, axis=2)  # (L, B, K)
        weights = np.exp(by_place - peak[..., of_state])
        states = np.empty((length, batch, size))
        scales = np.ones((length, batch, self.membership.shape[1]))
        shortest = lengths.min()
        state = self.starts * weights[0]
        for place in range(length):
            if place:
                state = state @ self.transitions
                state *= weights[place]
            if place % RESCALED_EVERY == 0:
                scale = state @ self.membership
                scale[scale == 0.0] = 1.0
                state /= scale[:, of_state]
                scales[place] = scale
            if place >= shortest:
                ended = lengths <= place
                state[ended] = states[place - 1, ended]
                scales[place, ended] = 1.0
            states[place] = state
        inside = np.arange(length)[:, None] < lengths  # (L, B)
        with np.errstate(divide="ignore"):
            ending = np.log((state * self.ends) @ self.membership)
        log_scale = (np.log(scales) + peak * inside[..., None]).sum(axis=0)
        return _Sweep(weights, states, scales, ending + log_scale)

    def _type_probabilities(self, sweep: _Sweep, allowed_types: NDArray[np.bool_] | None) -> Floats:
        logs = sweep.log_partition / self.temperature
        if allowed_types is not None:
            logs = np.where(allowed_types, logs, -np.inf)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares: Floats = weights / weights.sum(axis=1, keepdims=True)
        return shares

    def _backward(self, weights: Floats, lengths: Ints) -> Floats:
        """Backward variables (L, B, S), but for a factor of each residue, window and type."""
        states = np.empty_like(weights)
        shortest = lengths.min()
        state = np.broadcast_to(self.ends, weights.shape[1:])
        for place in range(len(weights) - 1, -1, -1):
            if place + 1 < len(weights):
                state = (state * weights[place + 1]) @ self.transitions.T
                if place % RESCALED_EVERY == 0:
                    scale = state @ self.membership
                    scale[scale == 0.0] = 1.0
                    state /= scale[:, self.rules.type_of_state]
                if place + 1 >= shortest:
                    state[lengths <= place + 1] = self.ends
            states[place] = state
        return states

    def _marginals(self, sweep: _Sweep, lengths: Ints, probabilities: Floats) -> Floats:
        """P(state at residue) (B, L, S), whose sum over a type is its share in (B, K)."""
        joint = sweep.state * self._backward(sweep.weights, lengths)
        total = joint @ self.membership
        share = probabilities / np.where(total > 0, total, 1.0)
        joint *= share[..., self.rules.type_of_state]
        inside = np.arange(len(joint))[:, None] < lengths
        return np.ascontiguousarray((joint * inside[..., None]).transpose(1, 0, 2))

    def _cuts(self, sweep: _Sweep, lengths: Ints, types: Ints) -> Floats:
        """P(cut after residue i | the type in `types` (B,)) (B, L), from pairwise marginals."""
        length, batch, _ = sweep.weights.shape
        backward = self._backward(sweep.weights, lengths)
        posterior = np.zeros((batch, length))
        for source, target in self.rules.cuts:
            kind = self.rules.type_of_state[source]
            rows = np.flatnonzero(types == kind)
            if not len(rows) or length < 2:
                continue
            ahead, behind = sweep.state[:-1, rows, source], backward[1:, rows, target]
            pair = ahead * self.transitions[source, target]
            pair *= sweep.weights[1:, rows, target] * behind
            own = self.membership[:, kind] > 0
            total = (sweep.state[1:, rows][..., own] * backward[1:, rows][..., own]).sum(axis=2)
            total *= sweep.scale[1:, rows, kind]
            pair = np.divide(pair, total, out=np.zeros_like(pair), where=total > 0)
            pair[np.arange(1, length)[:, None] >= lengths[rows]] = 0.0
            posterior[rows, :-1] += pair.T
        return posterior

    def _best_paths(
        self, by_place: Floats, lengths: Ints, types: Ints, last: Ints
    ) -> NDArray[np.int8]:
        """Best paths (B, L) of the given types that are cut after the 0-based residue `last`."""
        inside = np.arange(len(by_place))[:, None] <= last  # (L, B)
        own = self.rules.type_of_state == types[:, None]  # (B, S)
        fits = own & (self.rules.before_cut == inside[..., None])
        return self._viterbi(np.where(fits, by_place, -np.inf), lengths)

    def _viterbi(self, by_place: Floats, lengths: Ints) -> NDArray[np.int8]:
        length, batch, size = by_place.shape
        states = np.arange(size)
        origins = np.empty((length, batch, size), dtype=np.int8)
        score = self.log_starts + by_place[0]
        for place in range(1, length):
            best, origin = np.full((batch, size), -np.inf), np.zeros((batch, size), np.int8)
            for choice in self.predecessors:  # (S,): at most a handful of arrows enter a state
                candidate = score[:, choice] + self.log_transitions[choice, states]
                better = candidate > best
                np.copyto(best, candidate, where=better)
                np.copyto(origin, choice.astype(np.int8), where=better)
            best += by_place[place]
            ended = lengths <= place
            if ended.any():
                best[ended], origin[ended] = score[ended], states.astype(np.int8)
            origins[place], score = origin, best
        rows = np.arange(batch)
        state = (score + self.log_ends).argmax(axis=1).astype(np.int8)
        paths = np.full((batch, length), -1, dtype=np.int8)
        for place in range(length - 1, -1, -1):
            paths[:, place] = np.where(place < lengths, state, -1)
            state = origins[place, rows, state] if place else state
        return paths


def _predecessors(transitions: NDArray[np.bool_]) -> list[Ints]:
    """Arrays (S,) that together list every arrow's source, short lists filled by repeating."""
    sources = [np.flatnonzero(column) for column in transitions.T]
    most = max(map(len, sources))
    filled = [np.resize(s if len(s) else [0], most) for s in sources]
    return list(np.array(filled).T)
