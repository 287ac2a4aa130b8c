"""The recursions of the CRF in torch, for a GPU: the same formulas as in `recursions`, in float64.

A GPU takes as long for one window as for thousands, and most of that to be told what to do, so that
a step is few operations over all windows: what can be computed for all residues at once stands
outside of the steps, and these write into place. Nothing but what the decoder reads leaves the
device.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.inference.decoding.recursions import (
    RESCALING_INTERVAL,
    Floats,
    Ints,
    Sweep,
    Tables,
)

if TYPE_CHECKING:
    from torch import Tensor


class TorchRecursions:
    """On a device of torch; emissions may be a tensor there, or an array."""

    def __init__(
        self, tables: Tables, device: str = "cpu", interval: int = RESCALING_INTERVAL
    ) -> None:
        import torch

        self._torch, self.device, self.interval = torch, torch.device(device), interval
        # Decoding is many small steps, which would wait for the large ones of the network.
        on_gpu = self.device.type == "cuda"
        stream: Any = torch.cuda.Stream
        self._stream = stream(self.device, priority=-1) if on_gpu else None
        rules = tables.rules
        kinds = rules.type_of_state
        self._types = [slice(*map(int, pair)) for pair in _pairs(tables.type_starts, len(kinds))]
        self._kinds, self._before_cut = self._there(kinds), self._there(rules.before_cut)
        self._membership, self._count = self._there(tables.membership), len(self._types)
        self._transitions, self._starts, self._ends = map(
            self._there, (tables.transitions, tables.starts, tables.ends)
        )
        self._log_starts, self._log_ends = map(
            self._there, (_double(tables.log_starts), _double(tables.log_ends))
        )
        # shape: (predecessors, states)
        self._predecessors = self._there(tables.predecessors)
        self._sources_of_all = self._predecessors.flatten()
        arrows = tables.log_transitions[tables.predecessors, np.arange(len(kinds))]
        self._arrows = self._there(_double(arrows))
        sources, targets = rules.cuts.T
        self._sources, self._targets = self._there(sources), self._there(targets)
        # shape: (cuts,)
        self._cut_weights = self._there(tables.transitions[sources, targets])
        self._cut_kinds = self._kinds[self._sources]

    def running(self) -> AbstractContextManager[Any]:
        """On a GPU in a stream of its own, beside the network's; no gradients."""
        stack = ExitStack()
        stack.enter_context(self._torch.inference_mode())
        if self._stream is not None:
            stack.enter_context(self._torch.cuda.stream(self._stream))
        return stack

    def forward(self, emissions: Tensor | NDArray[np.floating], lengths: Ints) -> Sweep:
        """The forward recursion over emissions (B, L, S), which are all computed."""
        torch, given = self._torch, self._there(emissions)
        if self._stream is not None:
            given.record_stream(self._stream)
        time_first = given.transpose(0, 1).to(torch.float64).contiguous()
        length = len(time_first)
        # shape: (length, batch, types)
        peak = torch.stack([time_first[..., own].amax(-1) for own in self._types], dim=-1)
        # shape: (length, batch, states)
        weights = (time_first - peak[..., self._kinds]).exp_()
        alphas = torch.empty_like(weights)
        scales = torch.ones_like(peak)
        # shape: (length, batch)
        inside = self._inside(lengths, length)
        shortest = int(lengths.min())
        # shape: (batch, states)
        alpha = torch.mul(self._starts, weights[0], out=alphas[0])
        for position in range(length):
            if position:
                alpha = torch.mm(alpha, self._transitions, out=alphas[position])
                alpha *= weights[position]
            if position % self.interval == 0:
                self._rescale(alpha, scales[position])
            if position >= shortest:
                ended = ~inside[position, :, None]
                alpha.copy_(torch.where(ended, alphas[position - 1], alpha))
                scales[position].masked_fill_(ended, 1.0)
        log_ending = ((alpha * self._ends) @ self._membership).log()
        log_scale = (scales.log() + peak * inside[..., None]).sum(dim=0)
        partition: Floats = (log_ending + log_scale).cpu().numpy()
        return Sweep(time_first, lengths, weights, alphas, scales, partition)

    def cuts(self, sweep: Sweep, rows: Ints, types: Ints) -> Floats:
        """P(cut after residue t | the type in `types` (W,)) (W, L) of the windows `rows` (W,)."""
        chosen, lengths = self._there(rows), sweep.lengths[rows]
        weights, alpha = sweep.weights[:, chosen], sweep.alpha[:, chosen]
        backward = self._backward(weights, lengths)
        length, count, _ = weights.shape
        posterior = weights.new_zeros((length, count))
        # shape: (length - 1, windows, cuts)
        pair = alpha[:-1][..., self._sources] * self._cut_weights
        pair *= (weights[1:] * backward[1:])[..., self._targets]
        # shape: (length - 1, windows, types)
        total = (alpha[1:] * backward[1:]) @ self._membership
        total *= sweep.scale[1:, chosen]
        total = total[..., self._cut_kinds]
        own = self._cut_kinds == self._there(types)[:, None]
        counts = own & (total > 0) & self._inside(lengths, length)[1:, :, None]
        posterior[:-1] = self._torch.where(counts, pair / total, 0.0).sum(dim=2)
        return self._back(posterior.T)

    def marginals(self, sweep: Sweep, probabilities: Floats) -> Floats:
        """P(state at residue) (B, L, S), summing over type k to P(k) of `probabilities` (B, K)."""
        joint = sweep.alpha * self._backward(sweep.weights, sweep.lengths)
        total = joint @ self._membership
        factor = self._there(probabilities) / self._torch.where(total > 0, total, 1.0)
        joint *= factor[..., self._kinds]
        joint *= self._inside(sweep.lengths, len(joint))[..., None]
        return self._back(joint.transpose(0, 1))

    def cut_paths(self, sweep: Sweep, rows: Ints, types: Ints, last: Ints) -> NDArray[np.int8]:
        """Best paths (W, L) of the given types that are cut after the 0-based residue `last`."""
        emissions = sweep.emissions[:, self._there(rows)]
        inside = self._inside(last + 1, len(emissions))
        own = self._kinds == self._there(types)[:, None]
        fits = own & (self._before_cut == inside[..., None])
        return self._viterbi(emissions.masked_fill(~fits, -np.inf), sweep.lengths[rows])

    def best_paths(
        self, emissions: Tensor | NDArray[np.floating], lengths: Ints
    ) -> NDArray[np.int8]:
        """The best paths (B, L) of all, for emissions (B, L, S); -1 behind the end."""
        time_first = self._there(emissions).transpose(0, 1).to(self._torch.float64)
        return self._viterbi(time_first, lengths)

    def _backward(self, weights: Tensor, lengths: Ints) -> Tensor:
        """Backward variables (L, B, S), but for a factor of each residue, window and type."""
        torch = self._torch
        betas: Tensor = torch.empty_like(weights)
        length, shortest = len(weights), int(lengths.min())
        inside = self._inside(lengths, length)
        betas[-1] = self._ends
        weighted = torch.empty_like(betas[-1])
        transposed, scale = self._transitions.T, betas.new_empty((weights.shape[1], self._count))
        for position in range(length - 2, -1, -1):
            torch.mul(betas[position + 1], weights[position + 1], out=weighted)
            # shape: (batch, states)
            beta = torch.mm(weighted, transposed, out=betas[position])
            if position % self.interval == 0:
                self._rescale(beta, scale)
            if position + 1 >= shortest:
                beta.copy_(torch.where(inside[position + 1, :, None], beta, self._ends))
        return betas

    def _rescale(self, variables: Tensor, scale: Tensor) -> None:
        """Let variables (B, S) of each type sum to 1, in place, and put the sums in scale (B, K).

        Where they are 0, scale is 1.
        """
        self._torch.mm(variables, self._membership, out=scale)
        scale.masked_fill_(scale == 0.0, 1.0)
        variables /= scale.index_select(1, self._kinds)

    def _viterbi(self, emissions: Tensor, lengths: Ints) -> NDArray[np.int8]:
        """Best paths (B, L) for emissions (L, B, S), of the highest score in nats."""
        torch = self._torch
        length, batch, size = emissions.shape
        inside, shortest = self._inside(lengths, length), int(lengths.min())
        # Of the best arrow into a state, which of its predecessors it comes from; the last stays.
        numbers = torch.empty((length, batch, size), dtype=torch.int64, device=self.device)
        scores = torch.empty_like(emissions)
        # shape: (batch, states)
        score = torch.add(self._log_starts, emissions[0], out=scores[0])
        for position in range(1, length):
            # shape: (batch, predecessors, states)
            candidates = score.index_select(1, self._sources_of_all)
            candidates = candidates.view(batch, -1, size).add_(self._arrows)
            before, score = score, scores[position]
            torch.max(candidates, dim=1, out=(score, numbers[position]))
            score += emissions[position]
            if position >= shortest:
                score.copy_(torch.where(inside[position, :, None], score, before))
        states = torch.arange(size, device=self.device)
        origins = self._predecessors[numbers[1:], states]
        origins = torch.where(inside[1:, :, None], origins, states)
        paths = torch.empty((length, batch, 1), dtype=torch.int64, device=self.device)
        torch.argmax(score + self._log_ends, dim=1, keepdim=True, out=paths[-1])
        for position in range(length - 1, 0, -1):
            torch.gather(origins[position - 1], 1, paths[position], out=paths[position - 1])
        found: NDArray[np.int8] = self._back(
            torch.where(inside, paths[..., 0], -1).to(torch.int8).transpose(0, 1)
        )
        return found

    def _inside(self, lengths: Ints, length: int) -> Tensor:
        """Which residues are in front of a window's end (L, B)."""
        return self._there(np.arange(length)[:, None] < lengths)

    def _there(self, values: Tensor | NDArray[Any]) -> Tensor:
        """A tensor on the device."""
        if isinstance(values, np.ndarray) and not values.flags.writeable:
            values = values.copy()  # torch warns of others
        return self._torch.as_tensor(values, device=self.device)

    def _back(self, values: Tensor) -> NDArray[Any]:
        """An array of NumPy."""
        found: NDArray[Any] = values.contiguous().cpu().numpy()
        return found


def _pairs(starts: Ints, size: int) -> list[tuple[int, int]]:
    """Where each type's states begin and end."""
    return list(zip(starts.tolist(), [*starts[1:].tolist(), size], strict=True))


def _double(values: NDArray[np.floating]) -> Floats:
    return values.astype(np.float64)
