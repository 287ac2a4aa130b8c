"""A linear-chain conditional random field whose forbidden transitions are forbidden.

It computes in probability space, rescaled at each step, which costs a matrix product a
residue and no logarithm. States that no transition joins, directly or over others, form
components; each is rescaled on its own, so that an unlikely component keeps its precision
however far another is ahead. It works in float64: a confident network's emissions differ by
more than float32's range within one residue. What the states mean is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Chain:
    """One sweep over a batch.

    weights (B, L, S): exp(emission - the component's largest at that residue);
    forward (B, L, S): forward variables, rescaled to sum to 1 in each component;
    log_partition (B, K): log of the summed weight of all paths in each of K components.
    """

    weights: Tensor
    forward: Tensor
    log_partition: Tensor


class ConstrainedCRF(nn.Module):
    """A CRF over S states with allowed transitions, starts and ends.

    Scores of a path: start + sum of emissions + sum of transitions + end. The scores of what
    is not allowed are never read and get no gradient.
    """

    component: Tensor
    membership: Tensor
    transition_allowed: Tensor
    start_allowed: Tensor
    end_allowed: Tensor

    def __init__(
        self, transitions: NDArray[np.bool_], starts: NDArray[np.bool_], ends: NDArray[np.bool_]
    ) -> None:
        super().__init__()
        size = len(starts)
        if transitions.shape != (size, size) or ends.shape != (size,):
            raise ValueError("transitions must be (S, S), starts and ends (S,)")
        if not (starts.any() and ends.any()):
            raise ValueError("at least one state must be allowed to start and one to end")
        component = components(transitions)
        self.transitions = nn.Parameter(torch.zeros(size, size))
        self.starts = nn.Parameter(torch.zeros(size))
        self.ends = nn.Parameter(torch.zeros(size))
        count = int(component.max()) + 1
        membership = (component[:, None] == np.arange(count)).astype(np.float32)
        for name, array in {
            "component": component,
            "membership": membership,
            "transition_allowed": transitions,
            "start_allowed": starts,
            "end_allowed": ends,
        }.items():
            self.register_buffer(name, torch.tensor(array), persistent=False)

    def log_likelihood(self, emissions: Tensor, mask: Tensor, allowed: Tensor) -> Tensor:
        """Log probability (B,) that the path stays inside the allowed sets.

        emissions (B, L, S) float; mask (B, L) bool, true on residues, which come first;
        allowed (B, L, S) bool. Minus infinity where no path is legal.
        Raises ValueError where the shapes do not fit or a sequence is empty.
        """
        chain = self.forward_sweep(*self._twice(emissions, mask, allowed))
        return self.log_likelihood_of(chain, len(emissions))

    def log_likelihood_and_marginals(
        self, emissions: Tensor, mask: Tensor, allowed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`log_likelihood` (B,), `marginals` (B, L, S) and log partition (B,), from one sweep."""
        chain = self.forward_sweep(*self._twice(emissions, mask, allowed))
        half = len(emissions)
        free = Chain(chain.weights[:half], chain.forward[:half], chain.log_partition[:half])
        total = free.log_partition.logsumexp(dim=1)
        return self.log_likelihood_of(chain, half), self._marginals(free, mask), total

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """P(state at residue | sequence) (B, L, S); zero behind a sequence's end."""
        return self._marginals(self.forward_sweep(emissions, mask), mask)

    @torch.no_grad()
    def posterior(
        self, emissions: Tensor, mask: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """What is expected of a path: states (B, L, S), and moves between them (B, S, S).

        states: as `marginals`. moves: how often each transition is taken. temperature: by which
        log probabilities of components are divided; inside of each nothing changes.
        """
        chain = self.forward_sweep(emissions, mask)
        transition, _, _ = self._scores()
        states = self._backward(chain, mask)
        behind = (chain.weights * states)[:, 1:]  # (B, L - 1, S)
        ahead = chain.forward[:, :-1]
        share = (chain.log_partition / temperature).softmax(dim=1)  # (B, K)
        total = (ahead * (behind @ transition.T)) @ self.membership.to(self.precision)
        share_each = (share[:, None] / torch.where(total > 0, total, 1.0))[..., self.component]
        taken = ahead * share_each * mask[:, 1:, None]
        moves = transition * (taken.transpose(1, 2) @ behind)
        return self._joint(chain, states, share, mask), moves

    def cross_entropy(
        self, emissions: Tensor, log_partition: Tensor, mask: Tensor, states: Tensor, moves: Tensor
    ) -> Tensor:
        """Cross-entropy (B,), in nats, of another model's paths under this one's.

        log_partition (B,): of these emissions; states (B, L, S) and moves (B, S, S): the other's
        `posterior`. A path's log probability is a sum over its states and moves, so that their
        expectations are all that is needed, and the gradient is the difference of both models'.
        """
        states = states.to(self.precision) * mask[..., None]
        last = mask.sum(1) - 1
        expected = (states * emissions.to(self.precision)).sum((1, 2))
        expected = expected + (moves.to(self.precision) * self.transitions).sum((1, 2))
        expected = expected + states[:, 0] @ self.starts.to(self.precision)
        final = states[torch.arange(len(states), device=states.device), last]
        return log_partition - expected - final @ self.ends.to(self.precision)

    def component_log_probabilities(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Log P(the path lies in component k) (B, K)."""
        return self.forward_sweep(emissions, mask).log_partition.log_softmax(dim=1)

    @staticmethod
    def _twice(emissions: Tensor, mask: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """The batch as it is and, behind it, confined to the allowed sets: one sweep for both."""
        if allowed.shape != emissions.shape:
            raise ValueError(f"allowed {tuple(allowed.shape)} must be {tuple(emissions.shape)}")
        confined = emissions.masked_fill(~allowed & mask[..., None], -torch.inf)
        return torch.cat([emissions, confined]), torch.cat([mask, mask])

    @staticmethod
    def log_likelihood_of(chain: Chain, half: int) -> Tensor:
        """Log of (weight inside the sets / weight of all paths) (B,) of a doubled batch."""
        total = chain.log_partition.logsumexp(dim=1)  # (2B,)
        return total[half:] - total[:half]

    @property
    def precision(self) -> torch.dtype:
        """float64, but on devices that have none."""
        return torch.float32 if self.starts.device.type == "mps" else torch.float64

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of transitions (S, S), starts (S,) and ends (S,); zero where forbidden."""
        pairs = (
            (self.transitions, self.transition_allowed),
            (self.starts, self.start_allowed),
            (self.ends, self.end_allowed),
        )
        transition, start, end = (
            score.to(self.precision).masked_fill(~allowed, -torch.inf).exp()
            for score, allowed in pairs
        )
        return transition, start, end

    def _scale(self, state: Tensor) -> Tensor:
        """Sum (B, K) of each component of state (B, S); 1 where a component has no path."""
        scale = state @ self.membership.to(self.precision)
        return torch.where(scale > torch.finfo(scale.dtype).tiny, scale, 1.0)

    def forward_sweep(self, emissions: Tensor, mask: Tensor) -> Chain:
        """The forward recursion over a batch (see `Chain`)."""
        batch, length, size = emissions.shape
        if mask.shape != (batch, length):
            raise ValueError(f"mask {tuple(mask.shape)} must be {(batch, length)}")
        if size != len(self.starts):
            raise ValueError(f"{size} emissions a residue; the CRF has {len(self.starts)} states")
        if not bool(mask[:, 0].all()):
            raise ValueError("every sequence needs a residue at its first place")
        emissions = emissions.to(self.precision)
        transition, start, end = self._scores()
        peak = emissions.new_full((batch, length, self.membership.shape[1]), -torch.inf)
        index = self.component.expand(batch, length, size)
        peak = peak.scatter_reduce(2, index, emissions.detach(), "amax")  # (B, L, K)
        peak = peak.masked_fill(peak == -torch.inf, 0.0)
        # Behind the end a weight of 1 is harmless, and keeps infinities out of the gradient.
        weights = (emissions - peak[..., self.component]).exp()
        weights = weights.masked_fill(~mask[..., None], 1.0)
        by_place = weights.unbind(1)
        membership = self.membership.to(self.precision)
        state = start * by_place[0]  # (B, S)
        states, scales = [], []
        for place in range(length):
            if place:
                moved = (state @ transition) * by_place[place]
                state = torch.where(mask[:, place, None], moved, state)
            # The scale may be any number, so no gradient has to pass through it.
            scale = self._scale(state.detach())  # (B, K)
            state = state / scale[:, self.component]
            states.append(state)
            scales.append(scale)
        ending = (state * end) @ membership
        alive = ending > 0
        log_ending = torch.where(alive, ending, 1.0).log().masked_fill(~alive, -torch.inf)
        scale_sum = torch.stack(scales, 1).log().sum(1)
        peak_sum = (peak * mask[..., None]).sum(1)
        return Chain(weights, torch.stack(states, 1), log_ending + scale_sum + peak_sum)

    def _marginals(self, chain: Chain, mask: Tensor) -> Tensor:
        """Marginals (B, L, S) of a sweep."""
        share = chain.log_partition.softmax(dim=1)  # (B, K)
        return self._joint(chain, self._backward(chain, mask), share, mask)

    def _backward(self, chain: Chain, mask: Tensor) -> Tensor:
        """The backward recursion: (B, L, S), rescaled to sum to 1 in each component."""
        transition, _, end = self._scores()
        by_place = chain.weights.unbind(1)
        state = end.expand(len(chain.weights), -1)  # (B, S)
        states = [state]
        for place in range(len(by_place) - 1, 0, -1):
            moved = (state * by_place[place]) @ transition.T
            moved = moved / self._scale(moved.detach())[:, self.component]
            state = torch.where(mask[:, place, None], moved, state)
            states.append(state)
        return torch.stack(states[::-1], 1)

    def _joint(self, chain: Chain, backward: Tensor, share: Tensor, mask: Tensor) -> Tensor:
        """Marginals (B, L, S) where component k has the probability share (B, K)."""
        joint = chain.forward * backward
        total = joint @ self.membership.to(self.precision)  # (B, L, K)
        joint = joint / torch.where(total > 0, total, 1.0)[..., self.component]
        return joint * share[:, None, self.component] * mask[..., None]


def components(transitions: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Component (S,) of each state: 0, 1, ... in the order of their first states."""
    linked = transitions | transitions.T | np.eye(len(transitions), dtype=bool)
    for _ in range(len(transitions)):
        linked = linked @ linked
    _, component = np.unique(linked.argmax(axis=1), return_inverse=True)
    return component.astype(np.int64)
