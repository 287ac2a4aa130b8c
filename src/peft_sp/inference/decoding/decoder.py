"""The one decoder: emissions of a batch -> types, cleavage sites, regions.

Every prediction of every backend passes through here; what takes the time is in `recursions`, in
NumPy, and in `torch_recursions` for a GPU.

A protein's type is the most probable one. Every path of a type with a signal peptide has
exactly one cut, so P(cut after residue i, type) sums to P(type) over i; the cleavage site
is its largest term, and the state path is the best one of that type with that cut. Type,
site and regions of a prediction therefore always agree.

Shapes: B windows, L residues, S states, K types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import Grammar
from peft_sp.inference.decoding.crf_scores import CrfScores
from peft_sp.inference.decoding.recursions import (
    RESCALING_INTERVAL,
    Floats,
    Ints,
    NumpyRecursions,
    Recursions,
    Sweep,
    Tables,
)

if TYPE_CHECKING:
    from torch import Tensor

RANKED = 4
"""Sites that are ranked."""


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


class Decoder:
    """Decodes emissions under a grammar whose states are grouped by type.

    rescaling_interval: residues between two rescalings; 1 is the plain recursion. device: of torch,
    on which it decodes; None for NumPy, which needs no torch.
    Raises ValueError for a grammar whose states are not ordered by type.
    """

    def __init__(
        self,
        rules: Grammar,
        scores: CrfScores,
        rescaling_interval: int = RESCALING_INTERVAL,
        device: str | None = None,
    ) -> None:
        tables = Tables(rules, scores)
        self.rules = rules
        self.temperatures = scores.temperatures
        self.recursions: Recursions = NumpyRecursions(tables, rescaling_interval)
        if device is not None:
            from peft_sp.inference.decoding.torch_recursions import TorchRecursions

            self.recursions = TorchRecursions(tables, device, rescaling_interval)
        types = np.arange(tables.membership.shape[1])
        # shape: (types,)
        self.has_cut = np.isin(types, rules.type_of_state[rules.cuts[:, 0]])

    def decode(
        self,
        emissions: NDArray[np.floating] | Tensor,
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
        with self.recursions.running():
            sweep = self.recursions.forward(emissions, lengths)
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
                cuts = self._cuts(sweep, rows, kinds)
                cuts *= probabilities[rows, kinds][:, None]
                order = np.argsort(-cuts, axis=1, kind="stable")[:, :RANKED]
                best = np.take_along_axis(cuts, order, axis=1)
                ranked = RankedSites(rows, kinds, order + 1, best)
                is_cut = types[rows] == kinds
                cut, last = rows[is_cut], order[is_cut, 0]
                sites[cut] = last + 1
                site_probabilities[cut] = best[is_cut, 0]
                if len(cut):
                    paths[cut] = self.recursions.cut_paths(sweep, cut, types[cut], last)
                if cleavage is not None:
                    cleavage[cut] = cuts[is_cut]
            states = self.recursions.marginals(sweep, probabilities) if marginals else None
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
        emissions: NDArray[np.floating] | Tensor,
        lengths: Ints,
        types: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """P(window is of its type in `types` (B,) and is cut after residue t) (B, L), t 0-based."""
        rows = np.arange(len(types))
        with self.recursions.running():
            sweep = self.recursions.forward(emissions, lengths)
            probabilities = self._type_probabilities(sweep, allowed_types)
            return self._cuts(sweep, rows, types) * probabilities[rows, types][:, None]

    def marginals(
        self,
        emissions: NDArray[np.floating] | Tensor,
        lengths: Ints,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """P(state at residue | window) (B, L, S); zero behind the end."""
        with self.recursions.running():
            sweep = self.recursions.forward(emissions, lengths)
            probabilities = self._type_probabilities(sweep, allowed_types)
            return self.recursions.marginals(sweep, probabilities)

    def best_paths(
        self, emissions: NDArray[np.floating] | Tensor, lengths: Ints
    ) -> NDArray[np.int8]:
        """The best path (B, L) over all types (Viterbi), state numbers; -1 behind the end."""
        with self.recursions.running():
            return self.recursions.best_paths(emissions, lengths)

    def _cuts(self, sweep: Sweep, rows: Ints, types: Ints) -> Floats:
        """P(cut after residue t | type) (W, L) of the windows `rows`, at the sites' temperature."""
        posterior = self.recursions.cuts(sweep, rows, types)
        if self.temperatures.sites != 1.0:
            posterior **= 1.0 / self.temperatures.sites
            total = posterior.sum(axis=1, keepdims=True)
            posterior /= np.where(total > 0, total, 1.0)
        return posterior

    def _type_probabilities(
        self,
        sweep: Sweep,
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
