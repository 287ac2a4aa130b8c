"""The recursions of the CRF over a batch, in NumPy: the part of decoding that takes the time.

They run in probability space, rescaled every few residues for each type on its own, in float64;
nothing loops over proteins or, but for the recursions' own step, over residues.
`torch_recursions` has the same for a GPU; `Recursions` says what both give the decoder.

Shapes: B windows, W of them, L residues, S states, K types; inside, arrays are (L, B, ...), time
first. In the formulas e_t(j) is the emission of state j at residue t (0-based), T(i, j), s(j) and
f(j) are exp(score) of a transition, a start and an end, 0 where forbidden, the last residue is n,
and w_t(j) = exp(e_t(j) - the largest e_t of j's type).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import Grammar
from peft_sp.inference.decoding.crf_scores import CrfScores

RESCALING_INTERVAL = 4
"""Residues between two rescalings. Between them a path's weight may fall to 1e-308 of its type's
best emissions before it is lost: 177 nats a residue; the shipped networks differ by 18 at most."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sweep:
    """The forward recursion of a batch, time first, in arrays of what computes it.

    emissions (L, B, S); lengths (B,); weights (L, B, S) w_t(j); alpha (L, B, S) forward variables,
    divided at some residues by scale (L, B, K), which is 1 at the others. log_partition (B, K), in
    NumPy: log Z of each type, in nats.
    """

    emissions: Any
    lengths: Ints
    weights: Any
    alpha: Any
    scale: Any
    log_partition: Floats


class Recursions(Protocol):
    """What a decoder computes with. Results are NumPy's, whatever computes them."""

    def running(self) -> AbstractContextManager[Any]:
        """Within it, all below is called."""
        ...

    def forward(self, emissions: Any, lengths: Ints) -> Sweep:
        """The forward recursion over emissions (B, L, S)."""
        ...

    def cuts(self, sweep: Sweep, rows: Ints, types: Ints) -> Floats:
        """P(cut after residue t | the type in `types` (W,)) (W, L) of the windows `rows` (W,)."""
        ...

    def marginals(self, sweep: Sweep, probabilities: Floats) -> Floats:
        """P(state at residue) (B, L, S), summing over type k to P(k) of `probabilities` (B, K)."""
        ...

    def cut_paths(self, sweep: Sweep, rows: Ints, types: Ints, last: Ints) -> NDArray[np.int8]:
        """Best paths (W, L) of the given types that are cut after the 0-based residue `last`."""
        ...

    def best_paths(self, emissions: Any, lengths: Ints) -> NDArray[np.int8]:
        """The best paths (B, L) of all, for emissions (B, L, S)."""
        ...


class Tables:
    """The grammar and the CRF's scores as the recursions read them.

    transitions (S, S), starts and ends (S,): exp(score), 0 where forbidden, and their logarithms;
    type_starts: the first state of each type; membership (S, K); predecessors (P, S): its rows
    together list every arrow's source, short lists filled by repeating.
    Raises ValueError for a grammar whose states are not ordered by type.
    """

    def __init__(self, rules: Grammar, scores: CrfScores) -> None:
        if np.any(np.diff(rules.type_of_state) < 0):
            raise ValueError("states must be ordered by type")
        self.rules = rules
        self.type_starts = np.flatnonzero(np.diff(rules.type_of_state, prepend=-1))
        types = np.arange(rules.type_of_state[-1] + 1)
        self.membership = (rules.type_of_state[:, None] == types).astype(np.float64)
        self.log_transitions = np.where(rules.transitions, scores.transitions, -np.inf)
        self.log_starts = np.where(rules.starts, scores.starts, -np.inf)
        self.log_ends = np.where(rules.ends, scores.ends, -np.inf)
        self.transitions = np.exp(self.log_transitions, dtype=np.float64)
        self.starts = np.exp(self.log_starts, dtype=np.float64)
        self.ends = np.exp(self.log_ends, dtype=np.float64)
        self.predecessors = _predecessors(rules.transitions)


class NumpyRecursions:
    """On the processor. interval: residues between two rescalings; 1 is the plain recursion."""

    def __init__(self, tables: Tables, interval: int = RESCALING_INTERVAL) -> None:
        self.tables = tables
        self.interval = interval

    def running(self) -> AbstractContextManager[Any]:
        """Nothing is to be prepared."""
        return nullcontext()

    def forward(self, emissions: NDArray[np.floating], lengths: Ints) -> Sweep:
        """The forward recursion over emissions (B, L, S).

        `alpha_0(j) = w_0(j) s(j)`, `alpha_t(j) = w_t(j) sum_i alpha_{t-1}(i) T(i, j)` and
        `Z_k = sum_{j of type k} alpha_n(j) f(j)`; the scales and the largest emissions are added
        to log Z again.
        """
        tables, time_first = self.tables, _time_first(emissions)
        length, batch, size = time_first.shape
        # shape: (length, batch, types)
        peak = np.maximum.reduceat(time_first, tables.type_starts, axis=2)
        # shape: (length, batch, states)
        weights = np.exp(time_first - peak[..., tables.rules.type_of_state])
        alphas = np.empty((length, batch, size))
        scales = np.ones((length, batch, tables.membership.shape[1]))
        shortest = lengths.min()
        # shape: (batch, states)
        alpha = tables.starts * weights[0]
        for position in range(length):
            if position:
                alpha = alpha @ tables.transitions
                alpha *= weights[position]
            if position % self.interval == 0:
                scales[position] = self._rescale(alpha)
            if position >= shortest:
                ended = lengths <= position
                alpha[ended] = alphas[position - 1, ended]
                scales[position, ended] = 1.0
            alphas[position] = alpha
        # shape: (length, batch)
        inside = np.arange(length)[:, None] < lengths
        with np.errstate(divide="ignore"):
            log_ending = np.log((alpha * tables.ends) @ tables.membership)
        log_scale = (np.log(scales) + peak * inside[..., None]).sum(axis=0)
        return Sweep(time_first, lengths, weights, alphas, scales, log_ending + log_scale)

    def _rescale(self, variables: Floats) -> Floats:
        """Let variables (B, S) of each type sum to 1, in place; the sums (B, K), 1 where 0."""
        scale: Floats = variables @ self.tables.membership
        scale[scale == 0.0] = 1.0
        variables /= scale[:, self.tables.rules.type_of_state]
        return scale

    def _backward(self, weights: Floats, lengths: Ints) -> Floats:
        """Backward variables (L, B, S), but for a factor of each residue, window and type.

        `beta_n(i) = f(i)`, `beta_t(i) = sum_j T(i, j) w_{t+1}(j) beta_{t+1}(j)`.
        """
        tables, betas = self.tables, np.empty_like(weights)
        shortest = lengths.min()
        # shape: (batch, states)
        beta = np.broadcast_to(tables.ends, weights.shape[1:])
        betas[-1] = beta
        for position in range(len(weights) - 2, -1, -1):
            beta = (beta * weights[position + 1]) @ tables.transitions.T
            if position % self.interval == 0:
                self._rescale(beta)
            if position + 1 >= shortest:
                beta[lengths <= position + 1] = tables.ends
            betas[position] = beta
        return betas

    def marginals(self, sweep: Sweep, probabilities: Floats) -> Floats:
        """P(state at residue) (B, L, S), summing over type k to P(k) of `probabilities` (B, K).

        `P(y_t = j) = P(k) alpha_t(j) beta_t(j) / sum_{i of type k} alpha_t(i) beta_t(i)`.
        """
        # shape: (length, batch, states)
        joint = sweep.alpha * self._backward(sweep.weights, sweep.lengths)
        # shape: (length, batch, types)
        total = joint @ self.tables.membership
        factor = probabilities / np.where(total > 0, total, 1.0)
        joint *= factor[..., self.tables.rules.type_of_state]
        inside = np.arange(len(joint))[:, None] < sweep.lengths
        return np.ascontiguousarray((joint * inside[..., None]).transpose(1, 0, 2))

    def cuts(self, sweep: Sweep, rows: Ints, types: Ints) -> Floats:
        """P(cut after residue t | the type k in `types` (W,)) (W, L), from pairwise marginals.

        `P(cut after t | k) = sum_{(i, j) in cuts of k} alpha_t(i) T(i, j) w_{t+1}(j)
        beta_{t+1}(j) / (c_{t+1} sum_{l of type k} alpha_{t+1}(l) beta_{t+1}(l))`, where c is the
        scale by which alpha_{t+1} was divided and alpha_t was not.
        """
        rules, lengths = self.tables.rules, sweep.lengths[rows]
        weights, alpha, scale = sweep.weights[:, rows], sweep.alpha[:, rows], sweep.scale[:, rows]
        length, count, _ = weights.shape
        backward = self._backward(weights, lengths)
        posterior = np.zeros((count, length))
        for source, target in rules.cuts:
            kind = rules.type_of_state[source]
            here = np.flatnonzero(types == kind)
            if not len(here) or length < 2:
                continue
            # shape: (length - 1, windows of this type)
            before, after = alpha[:-1, here, source], backward[1:, here, target]
            pair = before * self.tables.transitions[source, target]
            pair *= weights[1:, here, target] * after
            own = self.tables.membership[:, kind] > 0
            total = (alpha[1:, here][..., own] * backward[1:, here][..., own]).sum(axis=2)
            total *= scale[1:, here, kind]
            pair = np.divide(pair, total, out=np.zeros_like(pair), where=total > 0)
            pair[np.arange(1, length)[:, None] >= lengths[here]] = 0.0
            posterior[here, :-1] += pair.T
        return posterior

    def cut_paths(self, sweep: Sweep, rows: Ints, types: Ints, last: Ints) -> NDArray[np.int8]:
        """Best paths (W, L) of the given types that are cut after the 0-based residue `last`.

        States of the signal peptide are confined to residues 0 to `last`, the others of the type to
        those behind it.
        """
        rules, emissions = self.tables.rules, sweep.emissions[:, rows]
        # shape: (length, windows)
        inside = np.arange(len(emissions))[:, None] <= last
        # shape: (windows, states)
        own = rules.type_of_state == types[:, None]
        fits = own & (rules.before_cut == inside[..., None])
        return self._viterbi(np.where(fits, emissions, -np.inf), sweep.lengths[rows])

    def best_paths(self, emissions: NDArray[np.floating], lengths: Ints) -> NDArray[np.int8]:
        """The best paths (B, L) of all, for emissions (B, L, S); -1 behind the end."""
        return self._viterbi(_time_first(emissions), lengths)

    def _viterbi(self, emissions: Floats, lengths: Ints) -> NDArray[np.int8]:
        """Best paths (B, L) for emissions (L, B, S), of the highest score in nats.

        `v_0(j) = log s(j) + e_0(j)`, `v_t(j) = e_t(j) + max_i (v_{t-1}(i) + log T(i, j))`; the
        path ends in the j with the largest `v_n(j) + log f(j)` and is read backwards.
        """
        tables = self.tables
        length, batch, size = emissions.shape
        states = np.arange(size)
        origins = np.empty((length, batch, size), dtype=np.int8)
        # shape: (batch, states)
        score = tables.log_starts + emissions[0]
        for position in range(1, length):
            best, origin = np.full((batch, size), -np.inf), np.zeros((batch, size), np.int8)
            for source in tables.predecessors:  # (S,): at most a handful of arrows enter a state
                candidate = score[:, source] + tables.log_transitions[source, states]
                better = candidate > best
                np.copyto(best, candidate, where=better)
                np.copyto(origin, source.astype(np.int8), where=better)
            best += emissions[position]
            ended = lengths <= position
            if ended.any():
                best[ended], origin[ended] = score[ended], states.astype(np.int8)
            origins[position], score = origin, best
        rows = np.arange(batch)
        state = (score + tables.log_ends).argmax(axis=1).astype(np.int8)
        paths = np.full((batch, length), -1, dtype=np.int8)
        for position in range(length - 1, -1, -1):
            paths[:, position] = np.where(position < lengths, state, -1)
            state = origins[position, rows, state] if position else state
        return paths


def _time_first(emissions: NDArray[np.floating]) -> Floats:
    """Emissions (B, L, S) as (L, B, S), whose rows the recursions read one after the other."""
    return np.ascontiguousarray(emissions.transpose(1, 0, 2), dtype=np.float64)


def _predecessors(transitions: NDArray[np.bool_]) -> Ints:
    sources = [np.flatnonzero(column) for column in transitions.T]
    most = max(map(len, sources))
    filled = [np.resize(s if len(s) else [0], most) for s in sources]
    return np.array(filled).T
