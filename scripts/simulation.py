"""A cluster that predicts in shards, simulated: slow nodes, stragglers, failures, second copies.

What cannot be measured on one machine stands in `Assumed`. Random numbers have a fixed seed, so
that a run gives the same each time. `scripts/scale.py` makes docs/scale-costs.md of it.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

SEED = 1


@dataclass(frozen=True)
class Assumed:
    """What is not measured."""

    cores: int = 64
    """Of a node; each does one shard at a time."""
    price: float = 0.04
    """US dollars of a core for an hour, about what clouds ask for one on demand."""
    gpu_price: float = 3.0
    """US dollars of an H100 for an hour."""
    gpu_start: float = 20.0
    """Seconds until a worker on a GPU has loaded torch and its network."""
    spread: float = 0.1
    """Nodes differ: standard deviation of the logarithms of their speeds, whose mean is 1."""
    slow: float = 0.01
    """The fraction of attempts that take `slowness` times as long: a busy node, a tired disk."""
    slowness: float = 4.0
    killed: float = 0.002
    """The fraction of attempts that end before they are done: memory, time limit, preemption."""
    node_days: float = 30.0
    """Days from one failure of a node to its next one, on the average."""
    repair: float = 1800.0
    """Seconds until a node that failed takes work again."""
    disk: float = 10.0
    """GB that the shared disk reads a second."""
    requests: float = 5500.0
    """That an object store answers a second for one prefix."""
    request_price: float = 0.4e-6
    """US dollars of a reading request."""


@dataclass(frozen=True)
class Work:
    """A model on one core: seconds a protein, and of each worker beside its proteins."""

    model: str
    protein: float
    start: float


@dataclass(frozen=True)
class Outcome:
    """seconds: until the last shard is done; core_seconds: in which cores worked, in vain too;
    lost: attempts that failed; copies: second ones that were first.
    """

    shards: int
    seconds: float
    core_seconds: float
    lost: int
    copies: int


@dataclass
class Cluster:
    """A run in shards: each free core takes the next shard, a failed one goes back to the end.

    copies: when no shard is left, a free core takes a second copy of the one that is expected to
    end last, where it would be done sooner; the first that is done counts.
    """

    work: Work
    nodes: int
    copies: bool = False
    assumed: Assumed = field(default_factory=Assumed)

    def run(self, proteins: int, shard: int) -> Outcome:
        """Simulate; `shard`: proteins of one."""
        count = math.ceil(proteins / shard)
        self.random = np.random.default_rng(SEED)
        self.seconds = self.work.start + self.work.protein * proteins / count
        speeds = self.random.lognormal(0.0, self.assumed.spread, self.nodes)
        self.speeds = (speeds / speeds.mean()).tolist()
        self.draws: Iterator[tuple[float, ...]] = iter(())
        # Cores that never have work need not be looked at.
        cores = min(self.nodes * self.assumed.cores, 3 * count)
        free = [(0.0, core) for core in range(cores)]
        ends, busy, lost = self._rounds(free, count)
        saved, copies = self._second_copies(free, ends) if self.copies else (0.0, 0)
        last = -ends[0] if self.copies else max(ends)
        return Outcome(count, last, busy + saved, lost, copies)

    def _rounds(self, free: list[tuple[float, int]], count: int) -> tuple[list[float], float, int]:
        """The ends of all shards; core seconds; failed attempts."""
        ends: list[float] = []
        back: deque[float] = deque()
        busy, lost = 0.0, 0
        while count or back:
            now, core = heapq.heappop(free)
            if count:
                count -= 1
            else:
                now = max(now, back.popleft())
            took, fails, out = self._attempt(core)
            busy += took
            if fails:
                lost += 1
                back.append(now + took)
            else:
                ends.append(now + took)
            heapq.heappush(free, (now + took + out, core))
        return ends, busy, lost

    def _attempt(self, core: int) -> tuple[float, bool, float]:
        """Seconds that a shard takes here, whether it fails then, and how long the core is out."""
        own = self.assumed
        slow, ends, when = self._draw()
        took = self.seconds / self.speeds[core // own.cores % self.nodes]
        if slow < own.slow:
            took *= own.slowness
        node = took / (own.node_days * 86_400)  # the probability that its node fails meanwhile
        if ends < own.killed + node:
            return took * when, True, own.repair if ends < node else 0.0
        return took, False, 0.0

    def _draw(self) -> tuple[float, ...]:
        """Three random numbers, drawn many at a time."""
        found = next(self.draws, None)
        if found is None:
            self.draws = map(tuple, self.random.random((8192, 3)).tolist())
            found = next(self.draws)
        return found

    def _second_copies(self, free: list[tuple[float, int]], ends: list[float]) -> tuple[float, int]:
        """Shorten `ends`, a heap of negative ends then; core seconds that this costs, copies."""
        ends[:] = [-end for end in ends]
        heapq.heapify(ends)
        more, copies = 0.0, 0
        copied: set[float] = set()
        while free:
            now, core = heapq.heappop(free)
            last = -ends[0]
            took, fails, _ = self._attempt(core)
            if now >= last or last in copied:
                break
            if fails or now + self.seconds / self.speeds[core // self.assumed.cores] >= last:
                continue
            end = min(last, now + took)
            heapq.heapreplace(ends, -end)
            more += (end - now) - (last - end)
            copies += end < last
            copied.add(end)
        return more, copies


def shard_of(work: Work, proteins: int, cores: int) -> int:
    """Proteins of a shard: ten shards a core, of one to thirty minutes; a round number."""
    seconds = min(max(proteins * work.protein / cores / 10, 60.0), 1800.0)
    size = min(seconds / work.protein, 1_000_000)
    power = int(10.0 ** math.floor(math.log10(size)))
    return power * min((1, 2, 5, 10), key=lambda step: abs(math.log(step * power / size)))
