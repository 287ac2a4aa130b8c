"""The shards of a plan on a Ray cluster: an actor a worker, a call a shard.

Nothing of a row passes through Ray: a worker is told a number, and answers with counts. Results are
found by their manifests alone, so that the driver may die and be started again.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peft_sp.errors import MissingExtraError, OptionError, PeftSpError
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.run_options import Progress
from peft_sp.inference.shards.proof import Status, status
from peft_sp.inference.shards.work import predict_shard
from peft_sp.io.shards import LOCAL
from peft_sp.io.shards.plan import Plan, plan_of
from peft_sp.wording import counted

TRIES = 3
"""Times that a shard is begun before it is given up."""
SLOW = 2.0
"""A shard that takes so many times as long as others of its size gets a second copy, once workers
have nothing else to do."""
_POLL = 1.0
"""Seconds between two looks at what is done."""


@dataclass(frozen=True)
class Workers:
    """How the workers of a cluster predict; threads, gpus: of each.

    count: how many, None for as many as the cluster has processors for.
    """

    count: int | None = None
    threads: int = 1
    gpus: float = 0
    device: str = "auto"
    backbone: str | None = None


def predict_on_cluster(
    plan: Plan,
    directory: Path,
    address: str,
    workers: Workers,
    progress: Progress | None = None,
    *,
    notice: Callable[[str], None] | None = None,
) -> Status:
    """Have all shards done that are not done yet; what came of it.

    address: `LOCAL`, or that of a running cluster, whose nodes see the input and `directory` under
    the same names. A shard that fails is tried again, `TRIES` times in all, and then stands in the
    problems of the result, with the last error. notice: is told of each failure.

    Raises OptionError where the cluster cannot be reached, MissingExtraError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = status(plan, directory)
    if found.missing:
        with _connected(address, workers) as ray:
            driver = _Driver(ray, plan, directory, workers)
            failed = driver.run(found, progress or _ignore, notice or _ignore)
        found = status(plan, directory)
        for number, problem in failed.items():
            if number in found.missing:
                found.missing.remove(number)
                found.problems[number] = problem
    return found


def _ignore(*_: Any) -> None:
    """Nobody asked."""


@contextmanager
def _connected(address: str, workers: Workers) -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing leaves the machine
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("a cluster", "cluster", error.name) from None
    where: dict[str, Any] = {"address": address}
    if address == LOCAL:
        where = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        if workers.count is not None:
            where["num_cpus"] = workers.count * workers.threads
    for chance in (True, False):
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **where)
            break
        except Exception as error:  # Ray has no class for most of them
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            ray.shutdown()
            # It gives its own parts 30 seconds, which is too little on a busy machine.
            if not (chance and "timed out during startup" in first):
                raise OptionError(f"the cluster '{address}' cannot be reached ({first})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


class ShardWorker:
    """Predicts shards with a model that it loads once; what each worker of a cluster runs."""

    def __init__(self, plan: str, directory: str, workers: Workers) -> None:
        self.plan, self.directory = plan_of(plan), Path(directory)
        self.workers = workers
        self._predictor: Predictor | None = None

    def run(self, number: int) -> str:
        """Do a shard; "" or, where the input or the model is at fault, one line that says why."""
        try:
            if self._predictor is None:
                self._predictor = load(
                    self.plan.predicting.model,
                    device=self.workers.device,
                    threads=self.workers.threads,
                    backbone=self.workers.backbone,
                )
            predict_shard(self.plan, number, self.directory, self._predictor)
        except PeftSpError as error:
            return str(error)
        return ""


@dataclass
class _Running:
    """A shard that a worker has begun."""

    number: int
    worker: int
    started: float = field(default_factory=time.monotonic)


class _Driver:
    """Hands shards to workers until all are done or given up."""

    def __init__(self, ray: Any, plan: Plan, directory: Path, workers: Workers) -> None:
        self.ray, self.plan, self.directory, self.workers = ray, plan, directory, workers
        self.done: set[int] = set()
        self.actors: dict[int, Any] = {}
        self.running: dict[Any, _Running] = {}
        self.tries: dict[int, int] = {}
        self.seconds: list[float] = []
        self.failed: dict[int, str] = {}

    def run(
        self, found: Status, progress: Progress, notice: Callable[[str], None]
    ) -> dict[int, str]:
        """Do the missing shards; the errors of those that were given up, by number."""
        self.progress, self.notice = progress, notice
        # Large ones first: at the end small ones fill the workers evenly.
        waiting = sorted(found.missing, key=lambda n: self.plan.shards[n - 1].proteins)
        self.done.update(found.done)
        for worker in range(min(self._count(), len(waiting))):
            self._start(worker)
        while waiting or self.running:
            for worker in self._idle():
                if waiting:
                    self._give(worker, waiting.pop())
                elif (slow := self._straggler()) is not None:
                    self._give(worker, slow)
            ready, _ = self.ray.wait(list(self.running), timeout=_POLL)
            for reference in ready:
                if (again := self._ended(reference)) is not None:
                    waiting.append(again)
            # A copy that is still at work when all are done is of no use to anybody.
            if not waiting and all(r.number in self.done for r in self.running.values()):
                break
        return self.failed

    def _count(self) -> int:
        if self.workers.count is not None:
            return self.workers.count
        own = self.ray.cluster_resources()
        count = int(own.get("CPU", 1) // self.workers.threads)
        if self.workers.gpus:
            count = min(count, int(own.get("GPU", 0) // self.workers.gpus))
        if count < 1:
            raise OptionError(
                f"the cluster has room for no worker of {counted(self.workers.threads, 'thread')}"
                + (f" and {self.workers.gpus:g} GPUs" if self.workers.gpus else "")
            )
        return count

    def _start(self, worker: int) -> None:
        remote = self.ray.remote(
            num_cpus=self.workers.threads, num_gpus=self.workers.gpus, max_restarts=0
        )(ShardWorker)
        self.actors[worker] = remote.remote(self.plan.text(), str(self.directory), self.workers)

    def _idle(self) -> list[int]:
        busy = {running.worker for running in self.running.values()}
        return [worker for worker in self.actors if worker not in busy]

    def _give(self, worker: int, number: int) -> None:
        reference = self.actors[worker].run.remote(number)
        self.running[reference] = _Running(number, worker)

    def _straggler(self) -> int | None:
        """A shard that takes too long and has no second copy yet."""
        if not self.seconds:
            return None
        limit = SLOW * statistics.median(self.seconds)
        numbers = [running.number for running in self.running.values()]
        slow = [
            running
            for running in self.running.values()
            if numbers.count(running.number) == 1
            and time.monotonic() - running.started
            > limit * self.plan.shards[running.number - 1].proteins
        ]
        return min(slow, key=lambda running: running.started).number if slow else None

    def _ended(self, reference: Any) -> int | None:
        """Note how a call ended; the number of its shard where it is to be done again."""
        running = self.running.pop(reference)
        number = running.number
        try:
            problem = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:  # the worker died, or we have a fault
            problem = str(error).strip().splitlines()[-1]
            self._start(running.worker)
        if number in self.done:  # a copy was faster
            return None
        if not problem:
            self.done.add(number)
            proteins = self.plan.shards[number - 1].proteins
            self.seconds.append((time.monotonic() - running.started) / proteins)
            self.progress(self._proteins(), self.plan.proteins)
            return None
        self.tries[number] = self.tries.get(number, 0) + 1
        self.notice(f"shard {number:,}, try {self.tries[number]} of {TRIES}: {problem}")
        if any(other.number == number for other in self.running.values()):
            return None  # its copy is still at work
        if self.tries[number] < TRIES:
            return number
        self.failed[number] = problem
        return None

    def _proteins(self) -> int:
        return sum(self.plan.shards[number - 1].proteins for number in self.done)
