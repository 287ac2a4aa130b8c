"""A linear-chain conditional random field whose forbidden transitions are forbidden.

It computes in probability space, rescaled at each step, which costs a matrix product a
residue and no logarithm. States that no transition joins, directly or over others, form
components; each is rescaled on its own, so that an unlikely component keeps its precision
however far another is ahead. It works in float64: a confident network's emissions differ by
more than float32's range within one residue. What the states mean is not known here.

Shapes: B sequences, L residues, S states, K components. In the formulas e_t(j) is the emission
of state j at residue t, T(i, j), s(j) and f(j) are exp(score) of a transition, a start and an
end, 0 where forbidden, and the last residue of a sequence is n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Chain:
    """One forward sweep over a batch.

    weights (B, L, S): exp(emission - the component's largest at that residue);
    forward (B, L, S): forward variables, rescaled to sum to 1 in each component;
    log_partition (B, K): log of the summed weight of all paths in each of K components, in nats.
    """

    weights: Tensor
    forward: Tensor
    log_partition: Tensor


class ConstrainedCRF(nn.Module):
    """A CRF over S states with allowed transitions (S, S) [from, to], starts (S,) and ends (S,).

    Score of a path y_0 ... y_n, in nats:
    `start(y_0) + sum_t e_t(y_t) + sum_t transition(y_t, y_{t+1}) + end(y_n)`.
    The scores of what is not allowed are never read and get no gradient. Raises ValueError
    for arrays that do not fit, or where nothing may start or end.
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
        """Log probability (B,), in nats, that the path stays inside the allowed sets.

        emissions (B, L, S) float; mask (B, L) bool, true on residues, which come first;
        allowed (B, L, S) bool. `log Z(paths inside the sets) - log Z(all paths)`; minus infinity
        where no path is legal. Raises ValueError where the shapes do not fit or a sequence is
        empty.
        """
        chain = self.forward_sweep(*self._with_confined(emissions, mask, allowed))
        return self._confined_log_probability(chain)

    def log_likelihood_and_marginals(
        self, emissions: Tensor, mask: Tensor, allowed: Tensor, marginals: bool = True
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """`log_likelihood` (B,), `marginals` (B, L, S) and log partition (B,), from one sweep.

        Without marginals, which take as long again as all the rest, None stands for them.
        """
        chain = self.forward_sweep(*self._with_confined(emissions, mask, allowed))
        batch = len(emissions)
        free = Chain(chain.weights[:batch], chain.forward[:batch], chain.log_partition[:batch])
        log_partition = free.log_partition.logsumexp(dim=1)
        likelihood = self._confined_log_probability(chain)
        return likelihood, self._marginals(free, mask) if marginals else None, log_partition

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """P(state at residue | sequence) (B, L, S); zero behind a sequence's end."""
        return self._marginals(self.forward_sweep(emissions, mask), mask)

    @torch.no_grad()
    def posterior(
        self, emissions: Tensor, mask: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Expected states (B, L, S) and transition counts (B, S, S) of a path.

        states: the `marginals`. Transition counts:
        `N(i, j) = sum_t P(y_t = i, y_{t+1} = j) = sum_t alpha_t(i) T(i, j) w_{t+1}(j)
        beta_{t+1}(j) / Z`, how often the path is expected to take each transition. temperature:
        by which log probabilities of components are divided; inside each nothing changes.
        """
        chain = self.forward_sweep(emissions, mask)
        transition, _, _ = self._weights()
        backward = self._backward(chain, mask)
        # shape: (batch, length - 1, states)
        arriving = (chain.weights * backward)[:, 1:]
        leaving = chain.forward[:, :-1]
        # shape: (batch, components)
        probabilities = (chain.log_partition / temperature).softmax(dim=1)
        total = (leaving * (arriving @ transition.T)) @ self.membership.to(self.precision)
        # shape: (batch, length - 1, states)
        scale = (probabilities[:, None] / torch.where(total > 0, total, 1.0))[..., self.component]
        leaving = leaving * scale * mask[:, 1:, None]
        # shape: (batch, states, states)
        transition_counts = transition * (leaving.transpose(1, 2) @ arriving)
        return self._joint(chain, backward, probabilities, mask), transition_counts

    def cross_entropy(
        self,
        emissions: Tensor,
        log_partition: Tensor,
        mask: Tensor,
        states: Tensor,
        transition_counts: Tensor,
    ) -> Tensor:
        """Cross-entropy (B,), in nats, of another model's paths under this one's.

        `H = log Z - sum_{t,j} P(y_t = j) e_t(j) - sum_{i,j} N(i, j) transition(i, j)
        - sum_j P(y_0 = j) start(j) - sum_j P(y_n = j) end(j)`, where P and N are the other's.
        A path's score is a sum over its states and transitions, so that their expectations are
        all that is needed, and the gradient is the difference of both models' expectations.

        log_partition (B,): log Z of these emissions; states (B, L, S) and transition_counts
        (B, S, S): the other's `posterior`.
        """
        states = states.to(self.precision) * mask[..., None]
        last = mask.sum(1) - 1
        expected = (states * emissions.to(self.precision)).sum((1, 2))
        expected = expected + (transition_counts.to(self.precision) * self.transitions).sum((1, 2))
        expected = expected + states[:, 0] @ self.starts.to(self.precision)
        # shape: (batch, states)
        final = states[torch.arange(len(states), device=states.device), last]
        return log_partition - expected - final @ self.ends.to(self.precision)

    def component_log_probabilities(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """`log P(the path lies in component k)` (B, K), in nats."""
        return self.forward_sweep(emissions, mask).log_partition.log_softmax(dim=1)

    @staticmethod
    def _with_confined(emissions: Tensor, mask: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """Emissions (2B, L, S) and mask (2B, L): all paths, then those inside the allowed sets.

        One sweep over both takes half the steps of two sweeps.
        """
        if allowed.shape != emissions.shape:
            raise ValueError(f"allowed {tuple(allowed.shape)} must be {tuple(emissions.shape)}")
        confined = emissions.masked_fill(~allowed & mask[..., None], -torch.inf)
        return torch.cat([emissions, confined]), torch.cat([mask, mask])

    @staticmethod
    def _confined_log_probability(chain: Chain) -> Tensor:
        """`log Z(inside the sets) - log Z(all paths)` (B,), from a sweep over `_with_confined`."""
        # shape: (2 x batch,)
        log_partition = chain.log_partition.logsumexp(dim=1)
        free, confined = log_partition.chunk(2)
        return confined - free

    @property
    def precision(self) -> torch.dtype:
        """float64, but on devices that have none."""
        return torch.float32 if self.starts.device.type == "mps" else torch.float64

    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """T (S, S), s (S,) and f (S,): exp(score), 0 where forbidden."""
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
        """Sum (B, K) over each component's states in `state` (B, S); 1 where it has no path."""
        scale = state @ self.membership.to(self.precision)
        return torch.where(scale > torch.finfo(scale.dtype).tiny, scale, 1.0)

    def forward_sweep(self, emissions: Tensor, mask: Tensor) -> Chain:
        """The forward recursion over a batch (see `Chain`).

        `alpha_0(j) = w_0(j) s(j)`, `alpha_t(j) = w_t(j) sum_i alpha_{t-1}(i) T(i, j)` and
        `Z_k = sum_{j in k} alpha_n(j) f(j)`, with `w_t(j) = exp(e_t(j) - the largest e_t in j's
        component)`; the scales and the largest emissions are added to log Z again.

        emissions (B, L, S) float; mask (B, L) bool, true on residues, which come first. Raises
        ValueError where the shapes do not fit or a sequence is empty.
        """
        batch, length, size = emissions.shape
        if mask.shape != (batch, length):
            raise ValueError(f"mask {tuple(mask.shape)} must be {(batch, length)}")
        if size != len(self.starts):
            raise ValueError(f"{size} emissions a residue; the CRF has {len(self.starts)} states")
        if not bool(mask[:, 0].all()):
            raise ValueError("every sequence needs a residue at its first position")
        emissions = emissions.to(self.precision)
        transition, start, end = self._weights()
        # shape: (batch, length, components)
        peak = emissions.new_full((batch, length, self.membership.shape[1]), -torch.inf)
        index = self.component.expand(batch, length, size)
        peak = peak.scatter_reduce(2, index, emissions.detach(), "amax")
        peak = peak.masked_fill(peak == -torch.inf, 0.0)
        # Behind the end a weight of 1 is harmless, and keeps infinities out of the gradient.
        # shape: (batch, length, states)
        weights = (emissions - peak[..., self.component]).exp()
        weights = weights.masked_fill(~mask[..., None], 1.0)
        weights_at = weights.unbind(1)
        # shape: (batch, states)
        alpha = start * weights_at[0]
        alphas, scales = [], []
        for position in range(length):
            if position:
                following = (alpha @ transition) * weights_at[position]
                alpha = torch.where(mask[:, position, None], following, alpha)
            # The scale may be any number, so no gradient has to pass through it.
            # shape: (batch, components)
            scale = self._scale(alpha.detach())
            alpha = alpha / scale[:, self.component]
            alphas.append(alpha)
            scales.append(scale)
        ending = (alpha * end) @ self.membership.to(self.precision)
        possible = ending > 0
        log_ending = torch.where(possible, ending, 1.0).log().masked_fill(~possible, -torch.inf)
        scale_sum = torch.stack(scales, 1).log().sum(1)
        peak_sum = (peak * mask[..., None]).sum(1)
        return Chain(weights, torch.stack(alphas, 1), log_ending + scale_sum + peak_sum)

    def _marginals(self, chain: Chain, mask: Tensor) -> Tensor:
        """Marginals (B, L, S) of a sweep, zero behind a sequence's end."""
        # shape: (batch, components)
        probabilities = chain.log_partition.softmax(dim=1)
        return self._joint(chain, self._backward(chain, mask), probabilities, mask)

    def _backward(self, chain: Chain, mask: Tensor) -> Tensor:
        """Backward variables (B, L, S), rescaled to sum to 1 in each component.

        `beta_n(i) = f(i)`, `beta_t(i) = sum_j T(i, j) w_{t+1}(j) beta_{t+1}(j)`.
        """
        transition, _, end = self._weights()
        weights_at = chain.weights.unbind(1)
        # shape: (batch, states)
        beta = end.expand(len(chain.weights), -1)
        betas = [beta]
        for position in range(len(weights_at) - 1, 0, -1):
            preceding = (beta * weights_at[position]) @ transition.T
            preceding = preceding / self._scale(preceding.detach())[:, self.component]
            beta = torch.where(mask[:, position, None], preceding, beta)
            betas.append(beta)
        return torch.stack(betas[::-1], 1)

    def _joint(self, chain: Chain, backward: Tensor, probabilities: Tensor, mask: Tensor) -> Tensor:
        """Marginals (B, L, S) where component k has the probability P(k) of `probabilities` (B, K).

        `P(y_t = j) = P(k) alpha_t(j) beta_t(j) / sum_{i in k} alpha_t(i) beta_t(i)`, j in k.
        """
        joint = chain.forward * backward
        # shape: (batch, length, components)
        total = joint @ self.membership.to(self.precision)
        joint = joint / torch.where(total > 0, total, 1.0)[..., self.component]
        return joint * probabilities[:, None, self.component] * mask[..., None]


def components(transitions: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Component (S,) of each state: 0, 1, ... in the order of their first states."""
    linked = transitions | transitions.T | np.eye(len(transitions), dtype=bool)
    for _ in range(len(transitions)):
        linked = linked @ linked
    _, component = np.unique(linked.argmax(axis=1), return_inverse=True)
    return component.astype(np.int64)
