"""Which shard is whose turn: large ones first, failed ones again, slow ones twice at the end.

It knows nothing of clusters: tests, and reckoning with thousands of workers, run the same rules.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from peft_sp.inference.hardware.cluster import TRIES

SLOW = 2.0
"""A shard that takes so many times as long as others of its size gets a second copy, once nothing
else is left to begin."""
_LAST = 100
"""Shards from whose times it is known how long one takes."""


@dataclass(frozen=True)
class _Begun:
    """A shard that a worker is at, and since when."""

    shard: int
    since: float


class Schedule:
    """The shards that are to be done, while workers take them and come back.

    sizes: of the shards, by number; clock: gives seconds. done: numbers; given_up: the last
    problem of each, by number.
    """

    def __init__(
        self, sizes: Mapping[int, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sizes, self._clock = sizes, clock
        # At the end small ones fill the workers evenly.
        self._waiting = deque(sorted(sizes, key=lambda shard: (-sizes[shard], shard)))
        self._begun: dict[int, _Begun] = {}
        self._tries: Counter[int] = Counter()
        self._paces: deque[float] = deque(maxlen=_LAST)
        self.done: set[int] = set()
        self.given_up: dict[int, str] = {}

    @property
    def finished(self) -> bool:
        """Whether all are done or given up; a second copy may still be at work."""
        return len(self.done) + len(self.given_up) == len(self._sizes)

    def take(self, worker: int) -> int | None:
        """The shard that a worker is to begin, None where there is none for now."""
        shard = self._waiting.popleft() if self._waiting else self._straggler()
        if shard is not None:
            self._begun[worker] = _Begun(shard, self._clock())
        return shard

    def _straggler(self) -> int | None:
        """Of the shards that take too long and have no second copy, the one that is latest."""
        if not self._paces:
            return None
        pace, now = statistics.median(self._paces), self._clock()
        copies = Counter(begun.shard for begun in self._begun.values())
        late = [
            ((now - begun.since) / self._sizes[begun.shard], begun.shard)
            for begun in self._begun.values()
            if copies[begun.shard] == 1 and begun.shard not in self.done
        ]
        worst, shard = max(late, default=(0.0, 0))
        return shard if worst > SLOW * pace else None

    def succeed(self, worker: int) -> int | None:
        """A worker did its shard: the number; None where another had done the same before."""
        begun = self._begun.pop(worker)
        if begun.shard in self.done:
            return None
        self._paces.append((self._clock() - begun.since) / self._sizes[begun.shard])
        self.done.add(begun.shard)
        return begun.shard

    def fail(self, worker: int, problem: str, again: bool = True) -> str | None:
        """A worker failed at its shard; what to tell, None where another has done it.

        again: whether another try may succeed.
        """
        shard = self._begun.pop(worker).shard
        if shard in self.done:
            return None
        self._tries[shard] += 1
        tried = self._tries[shard]
        copied = any(begun.shard == shard for begun in self._begun.values())
        if not copied and again and tried < TRIES:
            self._waiting.append(shard)
        elif not copied:
            self.given_up[shard] = problem
        tries = f", try {tried} of {TRIES}" if again else ""
        return f"shard {shard:,}{tries}: {problem}"
