"""The one decoder: emissions of a batch -> types, cleavage sites, regions, in NumPy.

Every prediction of every backend passes through here. Recursions run in probability space,
rescaled every few residues for each type on its own, in float64; nothing loops over proteins
or, but for the recursions' own step, over residues.

A protein's type is the most probable one. Every path of a type with a signal peptide has
exactly one cut, so P(cut after residue i, type) sums to P(type) over i; the cleavage site
is its largest term, and the state path is the best one of that type with that cut. Type,
site and regions of a prediction therefore always agree.

Shapes: B windows, L residues, S states, K types; inside, arrays are (L, B, ...), time first.
In the formulas e_t(j) is the emission of state j at residue t (0-based), T(i, j), s(j) and f(j)
are exp(score) of a transition, a start and an end, 0 where forbidden, the last residue is n,
and w_t(j) = exp(e_t(j) - the largest e_t of j's type).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import Grammar
from peft_sp.inference.decoding.crf_scores import CrfScores

RESCALING_INTERVAL = 4
"""Residues between two rescalings. Between them a path's weight may fall to 1e-308 of its type's
best emissions before it is lost: 177 nats a residue; the shipped networks differ by 18 at most."""

RANKED = 4
"""Sites that are ranked."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RankedSites:
    """The most probable sites of W windows of a batch, R each, best first.

    rows (W,) the windows; types (W,) the type that is cut: the predicted one and, with a threshold,
    the most probable one in all other windows; sites (W, R) 1-based last residue before the cut;
    probabilities (W, R) P(type and cut there), 0 where there is no such site.
    """

    rows: Ints
    types: Ints
    sites: Ints
    probabilities: Floats


@dataclass(frozen=True)
class Decoded:
    """Predictions of a batch of B windows, K types.

    type_probabilities (B, K); types (B,) index of the predicted type; sites (B,) 1-based
    last residue before the cut, 0 without one; site_probabilities (B,) P(type and cut there),
    0 without one; paths (B, L) state numbers, -1 behind the end and in windows whose type has
    no cut; ranked: more sites (see `RankedSites`). On request: marginals (B, L, S) P(state at
    residue), zero behind the end; cleavage (B, L) P(type and cut after residue), zero in windows
    whose type has no cut.
    """

    type_probabilities: Floats
    types: Ints
    sites: Ints
    site_probabilities: Floats
    paths: NDArray[np.int8]
    ranked: RankedSites | None = None
    marginals: Floats | None = None
    cleavage: Floats | None = None


@dataclass(frozen=True)
class _Sweep:
    """The forward recursion of a batch, time first.

    weights (L, B, S) w_t(j); alpha (L, B, S) forward variables, divided at some residues by
    scale (L, B, K), which is 1 at the others; log_partition (B, K) log Z of each type, in nats.
    """

    weights: Floats
    alpha: Floats
    scale: Floats
    log_partition: Floats

    def rows(self, windows: Ints) -> _Sweep:
        """The sweep of some windows of the batch."""
        return _Sweep(
            self.weights[:, windows],
            self.alpha[:, windows],
            self.scale[:, windows],
            self.log_partition[windows],
        )


class Decoder:
    """Decodes emissions under a grammar whose states are grouped by type.

    rescaling_interval: residues between two rescalings; 1 is the plain recursion.
    Raises ValueError for a grammar whose states are not ordered by type.
    """

    def __init__(
        self, rules: Grammar, scores: CrfScores, rescaling_interval: int = RESCALING_INTERVAL
    ) -> None:
        if np.any(np.diff(rules.type_of_state) < 0):
            raise ValueError("states must be ordered by type")
        self.rules = rules
        self.rescaling_interval = rescaling_interval
        self.type_starts = np.flatnonzero(np.diff(rules.type_of_state, prepend=-1))
        types = np.arange(rules.type_of_state[-1] + 1)
        # shape: (states, types)
        self.membership = (rules.type_of_state[:, None] == types).astype(np.float64)
        self.log_transitions = np.where(rules.transitions, scores.transitions, -np.inf)
        self.log_starts = np.where(rules.starts, scores.starts, -np.inf)
        self.log_ends = np.where(rules.ends, scores.ends, -np.inf)
        self.transitions = np.exp(self.log_transitions, dtype=np.float64)
        self.starts = np.exp(self.log_starts, dtype=np.float64)
        self.ends = np.exp(self.log_ends, dtype=np.float64)
        self.temperatures = scores.temperatures
        self.predecessors = _predecessors(rules.transitions)
        # shape: (types,)
        self.has_cut = np.isin(types, rules.type_of_state[rules.cuts[:, 0]])

    def decode(
        self,
        emissions: NDArray[np.floating],
        lengths: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
        marginals: bool = False,
        *,
        threshold: float | None = None,
        eukaryotic: NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Predictions from emissions (B, L, S) of windows of `lengths` (B,), each at least 1.

        allowed_types (K,) or (B, K) bool: the posterior is restricted to these types exactly,
        as if the others did not exist. marginals: whether to compute marginals and cleavage,
        which takes longer. threshold: a type with a cut is predicted where these together have at
        least this probability, None for the most probable of all types. eukaryotic (B,) bool:
        which are of eukaryotes (`Temperatures`), None for none.
        """
        time_first = _time_first(emissions)
        sweep = self._forward(time_first, lengths)
        probabilities = self._type_probabilities(sweep, allowed_types, eukaryotic)
        types, candidates = self._called(probabilities, threshold)
        batch, length = emissions.shape[:2]
        sites = np.zeros(batch, dtype=np.int64)
        site_probabilities = np.zeros(batch)
        paths = np.full((batch, length), -1, dtype=np.int8)
        cleavage = np.zeros((batch, length)) if marginals else None
        rows = np.flatnonzero(candidates >= 0)
        ranked = None
        if len(rows):
            kinds = candidates[rows]
            # shape: (windows with a candidate, length)
            cuts = self._cuts(sweep.rows(rows), lengths[rows], kinds)
            cuts *= probabilities[rows, kinds][:, None]
            order = np.argsort(-cuts, axis=1, kind="stable")[:, :RANKED]
            best = np.take_along_axis(cuts, order, axis=1)
            ranked = RankedSites(rows, kinds, order + 1, best)
            is_cut = types[rows] == kinds
            cut, last = rows[is_cut], order[is_cut, 0]
            sites[cut] = last + 1
            site_probabilities[cut] = best[is_cut, 0]
            if len(cut):
                paths[cut] = self._best_paths(time_first[:, cut], lengths[cut], types[cut], last)
            if cleavage is not None:
                cleavage[cut] = cuts[is_cut]
        states = self._marginals(sweep, lengths, probabilities) if marginals else None
        return Decoded(
            *(probabilities, types, sites, site_probabilities, paths), ranked, states, cleavage
        )

    def _called(self, probabilities: Floats, threshold: float | None) -> tuple[Ints, Ints]:
        """Predicted types (B,), and the types (B,) whose sites are ranked, -1 for none."""
        if threshold is None:
            types = probabilities.argmax(axis=1)
            return types, np.where(self.has_cut[types], types, -1)
        of_cut = np.where(self.has_cut, probabilities, 0.0)
        uncut = np.where(self.has_cut, 0.0, probabilities)
        best, possible = of_cut.argmax(axis=1), of_cut.max(axis=1) > 0
        called = possible & (1.0 - uncut.sum(axis=1) >= threshold)
        return np.where(called, best, uncut.argmax(axis=1)), np.where(possible, best, -1)

    def cleavage_posterior(
        self,
        emissions: NDArray[np.floating],
        lengths: Ints,
        types: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """P(window is of its type in `types` (B,) and is cut after residue t) (B, L), t 0-based."""
        sweep = self._forward(_time_first(emissions), lengths)
        probabilities = self._type_probabilities(sweep, allowed_types)
        type_probability = probabilities[np.arange(len(types)), types]
        return self._cuts(sweep, lengths, types) * type_probability[:, None]

    def marginals(
        self,
        emissions: NDArray[np.floating],
        lengths: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """P(state at residue | window) (B, L, S); zero behind the end."""
        sweep = self._forward(_time_first(emissions), lengths)
        return self._marginals(sweep, lengths, self._type_probabilities(sweep, allowed_types))

    def best_paths(self, emissions: NDArray[np.floating], lengths: Ints) -> NDArray[np.int8]:
        """The best path (B, L) over all types (Viterbi), state numbers; -1 behind the end."""
        return self._viterbi(_time_first(emissions), lengths)

    def _forward(self, emissions: Floats, lengths: Ints) -> _Sweep:
        """The forward recursion over emissions (L, B, S).

        `alpha_0(j) = w_0(j) s(j)`, `alpha_t(j) = w_t(j) sum_i alpha_{t-1}(i) T(i, j)` and
        `Z_k = sum_{j of type k} alpha_n(j) f(j)`; the scales and the largest emissions are added
        to log Z again.
        """
        length, batch, size = emissions.shape
        # shape: (length, batch, types)
        peak = np.maximum.reduceat(emissions, self.type_starts, axis=2)
        # shape: (length, batch, states)
        weights = np.exp(emissions - peak[..., self.rules.type_of_state])
        alphas = np.empty((length, batch, size))
        scales = np.ones((length, batch, self.membership.shape[1]))
        shortest = lengths.min()
        # shape: (batch, states)
        alpha = self.starts * weights[0]
        for position in range(length):
            if position:
                alpha = alpha @ self.transitions
                alpha *= weights[position]
            if position % self.rescaling_interval == 0:
                scales[position] = self._rescale(alpha)
            if position >= shortest:
                ended = lengths <= position
                alpha[ended] = alphas[position - 1, ended]
                scales[position, ended] = 1.0
            alphas[position] = alpha
        # shape: (length, batch)
        inside = np.arange(length)[:, None] < lengths
        with np.errstate(divide="ignore"):
            log_ending = np.log((alpha * self.ends) @ self.membership)
        log_scale = (np.log(scales) + peak * inside[..., None]).sum(axis=0)
        return _Sweep(weights, alphas, scales, log_ending + log_scale)

    def _rescale(self, variables: Floats) -> Floats:
        """Let variables (B, S) of each type sum to 1, in place; the sums (B, K), 1 where 0."""
        scale: Floats = variables @ self.membership
        scale[scale == 0.0] = 1.0
        variables /= scale[:, self.rules.type_of_state]
        return scale

    def _type_probabilities(
        self,
        sweep: _Sweep,
        allowed_types: NDArray[np.bool_] | None,
        eukaryotic: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """`P(k) = Z_k^(1/temperature) / sum_l Z_l^(1/temperature)` over allowed types (B, K)."""
        temperatures = self.temperatures.of_types(eukaryotic, len(sweep.log_partition))
        logs = sweep.log_partition / temperatures[:, None]
        if allowed_types is not None:
            logs = np.where(allowed_types, logs, -np.inf)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
        return probabilities

    def _backward(self, weights: Floats, lengths: Ints) -> Floats:
        """Backward variables (L, B, S), but for a factor of each residue, window and type.

        `beta_n(i) = f(i)`, `beta_t(i) = sum_j T(i, j) w_{t+1}(j) beta_{t+1}(j)`.
        """
        betas = np.empty_like(weights)
        shortest = lengths.min()
        # shape: (batch, states)
        beta = np.broadcast_to(self.ends, weights.shape[1:])
        betas[-1] = beta
        for position in range(len(weights) - 2, -1, -1):
            beta = (beta * weights[position + 1]) @ self.transitions.T
            if position % self.rescaling_interval == 0:
                self._rescale(beta)
            if position + 1 >= shortest:
                beta[lengths <= position + 1] = self.ends
            betas[position] = beta
        return betas

    def _marginals(self, sweep: _Sweep, lengths: Ints, probabilities: Floats) -> Floats:
        """P(state at residue) (B, L, S), which sum over type k to P(k) of `probabilities` (B, K).

        `P(y_t = j) = P(k) alpha_t(j) beta_t(j) / sum_{i of type k} alpha_t(i) beta_t(i)`.
        """
        # shape: (length, batch, states)
        joint = sweep.alpha * self._backward(sweep.weights, lengths)
        # shape: (length, batch, types)
        total = joint @ self.membership
        factor = probabilities / np.where(total > 0, total, 1.0)
        joint *= factor[..., self.rules.type_of_state]
        inside = np.arange(len(joint))[:, None] < lengths
        return np.ascontiguousarray((joint * inside[..., None]).transpose(1, 0, 2))

    def _cuts(self, sweep: _Sweep, lengths: Ints, types: Ints) -> Floats:
        """P(cut after residue t | the type k in `types` (B,)) (B, L), from pairwise marginals.

        `P(cut after t | k) = sum_{(i, j) in cuts of k} alpha_t(i) T(i, j) w_{t+1}(j)
        beta_{t+1}(j) / (c_{t+1} sum_{l of type k} alpha_{t+1}(l) beta_{t+1}(l))`, where c is the
        scale by which alpha_{t+1} was divided and alpha_t was not; then at the sites' temperature.
        """
        length, batch, _ = sweep.weights.shape
        backward = self._backward(sweep.weights, lengths)
        posterior = np.zeros((batch, length))
        for source, target in self.rules.cuts:
            kind = self.rules.type_of_state[source]
            rows = np.flatnonzero(types == kind)
            if not len(rows) or length < 2:
                continue
            # shape: (length - 1, windows of this type)
            before, after = sweep.alpha[:-1, rows, source], backward[1:, rows, target]
            pair = before * self.transitions[source, target]
            pair *= sweep.weights[1:, rows, target] * after
            own = self.membership[:, kind] > 0
            total = (sweep.alpha[1:, rows][..., own] * backward[1:, rows][..., own]).sum(axis=2)
            total *= sweep.scale[1:, rows, kind]
            pair = np.divide(pair, total, out=np.zeros_like(pair), where=total > 0)
            pair[np.arange(1, length)[:, None] >= lengths[rows]] = 0.0
            posterior[rows, :-1] += pair.T
        if self.temperatures.sites != 1.0:
            posterior **= 1.0 / self.temperatures.sites
            total = posterior.sum(axis=1, keepdims=True)
            posterior /= np.where(total > 0, total, 1.0)
        return posterior

    def _best_paths(
        self, emissions: Floats, lengths: Ints, types: Ints, last: Ints
    ) -> NDArray[np.int8]:
        """Best paths (B, L) of the given types that are cut after the 0-based residue `last`.

        emissions (L, B, S); states of the signal peptide are confined to residues 0 to `last`,
        the others of the type to those behind it.
        """
        # shape: (length, batch)
        inside = np.arange(len(emissions))[:, None] <= last
        # shape: (batch, states)
        own = self.rules.type_of_state == types[:, None]
        fits = own & (self.rules.before_cut == inside[..., None])
        return self._viterbi(np.where(fits, emissions, -np.inf), lengths)

    def _viterbi(self, emissions: Floats, lengths: Ints) -> NDArray[np.int8]:
        """Best paths (B, L) for emissions (L, B, S), of the highest score in nats.

        `v_0(j) = log s(j) + e_0(j)`, `v_t(j) = e_t(j) + max_i (v_{t-1}(i) + log T(i, j))`; the
        path ends in the j with the largest `v_n(j) + log f(j)` and is read backwards.
        """
        length, batch, size = emissions.shape
        states = np.arange(size)
        origins = np.empty((length, batch, size), dtype=np.int8)
        # shape: (batch, states)
        score = self.log_starts + emissions[0]
        for position in range(1, length):
            best, origin = np.full((batch, size), -np.inf), np.zeros((batch, size), np.int8)
            for source in self.predecessors:  # (S,): at most a handful of arrows enter a state
                candidate = score[:, source] + self.log_transitions[source, states]
                better = candidate > best
                np.copyto(best, candidate, where=better)
                np.copyto(origin, source.astype(np.int8), where=better)
            best += emissions[position]
            ended = lengths <= position
            if ended.any():
                best[ended], origin[ended] = score[ended], states.astype(np.int8)
            origins[position], score = origin, best
        rows = np.arange(batch)
        state = (score + self.log_ends).argmax(axis=1).astype(np.int8)
        paths = np.full((batch, length), -1, dtype=np.int8)
        for position in range(length - 1, -1, -1):
            paths[:, position] = np.where(position < lengths, state, -1)
            state = origins[position, rows, state] if position else state
        return paths


def _time_first(emissions: NDArray[np.floating]) -> Floats:
    """Emissions (B, L, S) as (L, B, S), whose rows the recursions read one after the other."""
    return np.ascontiguousarray(emissions.transpose(1, 0, 2), dtype=np.float64)


def _predecessors(transitions: NDArray[np.bool_]) -> list[Ints]:
    """Arrays (S,) that together list every arrow's source, short lists filled by repeating."""
    sources = [np.flatnonzero(column) for column in transitions.T]
    most = max(map(len, sources))
    filled = [np.resize(s if len(s) else [0], most) for s in sources]
    return list(np.array(filled).T)
