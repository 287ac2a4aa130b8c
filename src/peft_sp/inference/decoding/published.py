"""The decision rule of the published PEFT-SP (Zeng et al. 2024), for models that come from it.

What is forbidden only costs a penalty there, so that paths may pass from type to type, and the
marginals of a type's states add up to other numbers at other residues. P(type) is their mean over
the residues. The site is the last residue in any type's last state before a cut on the best path,
whatever the type: type and site of a window may disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES, Grammar, grammar
from peft_sp.biology.published import penalised, published_grammar
from peft_sp.inference.decoding.crf_scores import CrfScores
from peft_sp.inference.decoding.decoder import Decoded, Decoder, RankedSites
from peft_sp.inference.decoding.recursions import Ints

if TYPE_CHECKING:
    from torch import Tensor


def decoder_of(
    scores: CrfScores, published: bool = False, device: str | None = None
) -> Decoder | PublishedDecoder:
    """What decodes by the rule of this program, or by the published one.

    device: see `Decoder`.
    """
    if published:
        return PublishedDecoder(scores, device)
    return Decoder(grammar(), scores, device=device)


class PublishedDecoder:
    """Decodes emissions as the published PEFT-SP does; temperatures are not read.

    Shapes as in `decoder`, and device.
    """

    def __init__(self, scores: CrfScores, device: str | None = None) -> None:
        rules = published_grammar()
        size = rules.size
        everything = Grammar(  # as one type, to which every path belongs
            transitions=np.ones((size, size), dtype=bool),
            starts=np.ones(size, dtype=bool),
            ends=np.ones(size, dtype=bool),
            type_of_state=np.zeros(size, dtype=np.int64),
            before_cut=rules.before_cut,
            cuts=rules.cuts,
        )
        self._crf = Decoder(
            everything,
            CrfScores(*penalised(scores.transitions, scores.starts, scores.ends)),
            device=device,
        )
        # shape: (states, types)
        self._membership = (rules.type_of_state[:, None] == np.arange(len(TYPES))).astype(float)
        self._type_of_state = rules.type_of_state
        self._last_states = np.unique(rules.cuts[:, 0])
        self._has_cut = np.isin(np.arange(len(TYPES)), rules.type_of_state[self._last_states])

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

        allowed_types (K,) or (B, K) bool: the probabilities of others are left out at the end, for
        the rule itself knows no organisms; the path stays as it is. The probability of a site is
        that of any last state there. paths are -1 where they are not of the predicted type alone.
        The rule has no threshold, and eukaryotic, which decides about temperatures, is not read.
        """
        # shape: (batch, length, states), zero behind each end
        states = self._crf.marginals(emissions, lengths)
        # shape: (batch, types)
        probabilities = states.sum(axis=1) @ self._membership / lengths[:, None]
        if allowed_types is not None:
            probabilities = np.where(allowed_types, probabilities, 0.0)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        types = probabilities.argmax(axis=1)
        paths = self._crf.best_paths(emissions, lengths)
        positions = np.arange(1, paths.shape[1] + 1)
        # shape: (batch,)
        sites = np.where(np.isin(paths, self._last_states), positions, 0).max(axis=1)
        # shape: (batch, length)
        last = states[..., self._last_states].sum(axis=2)
        at_site = np.where(sites > 0, last[np.arange(len(sites)), sites - 1], 0.0)
        foreign = (paths >= 0) & (self._type_of_state[paths] != types[:, None])
        paths[~self._has_cut[types] | foreign.any(axis=1)] = -1
        last[~self._has_cut[types]] = 0.0
        rows = np.flatnonzero((sites > 0) & self._has_cut[types])
        ranked = RankedSites(rows, types[rows], sites[rows, None], at_site[rows, None])
        return Decoded(
            *(probabilities, types, sites, at_site, paths, ranked),
            *((states, last) if marginals else ()),
        )
