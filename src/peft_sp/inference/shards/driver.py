"""The shards of a plan on a Ray cluster: an actor a worker, a call a shard.

Nothing of a row passes through Ray: a worker is told a number, and answers with a line. What is
done is known by the manifests alone, so that the driver may die and be started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft_sp.errors import OutputError, PeftSpError
from peft_sp.inference.hardware import devices
from peft_sp.inference.hardware.cluster import (
    PATIENCE,
    TRIES,
    WAITS_FOR_ROOM,
    cause_of_death,
    connected,
    may_pass,
    room_for,
)
from peft_sp.inference.hardware.processors import available_processors
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.run_options import Progress
from peft_sp.inference.shards.proof import Status, status
from peft_sp.inference.shards.schedule import Schedule
from peft_sp.inference.shards.work import predict_shard, require_model
from peft_sp.io.shards.plan import Plan, plan_of

_POLL = 1.0
"""Seconds between two looks at what is late."""
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Workers:
    """How the workers of a cluster predict; threads, gpus: of each.

    count: how many, None for as many as the cluster has room for.
    """

    count: int | None = None
    threads: int = 1
    gpus: float = 0
    device: str = devices.AUTO
    backbone: str | None = None


def predict_on_cluster(
    plan: Plan,
    directory: Path,
    address: str,
    workers: Workers,
    progress: Progress | None = None,
    *,
    notice: Notice | None = None,
) -> Status:
    """Have all shards done that are not done yet; what came of it.

    address: `cluster.LOCAL`, or that of a running cluster, whose machines see the input and
    `directory` under the same names. A shard whose input is at fault, or that failed `TRIES` times,
    stands in the problems of the result. progress: is told of proteins, about; notice: of each
    failure.

    Raises OptionError where the cluster cannot be reached or has no room, OutputError where the
    directory cannot be made, MissingExtraError, and ModelError and others where no worker can load
    the model.
    """
    directory = directory.absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written ({error.strerror})") from None
    found = status(plan, directory)
    if not found.missing:
        return found
    workers = _elsewhere(workers)
    processors = (workers.count or 0) * workers.threads or available_processors()
    with connected(address, processors) as ray:
        count = room_for(ray, address, workers.count, workers.threads, workers.gpus)
        driver = _Driver(ray, found, directory, workers, notice or _ignore)
        given_up = driver.run(count, progress or _ignore)
    found = status(plan, directory)
    for shard, problem in given_up.items():
        if shard in found.missing:
            found.missing.remove(shard)
            found.problems[shard] = problem
    return found


def _elsewhere(workers: Workers) -> Workers:
    """What is meant by the options here, as other machines understand it."""
    own = Path(workers.backbone).absolute() if workers.backbone else None
    return replace(
        workers,
        backbone=str(own) if own is not None and own.exists() else workers.backbone,
        # A GPU that was not asked for may be another's.
        device="cpu" if workers.device == devices.AUTO and not workers.gpus else workers.device,
    )


def _ignore(*_: Any) -> None:
    """Nobody asked."""


@dataclass(frozen=True)
class Answer:
    """How a call of a worker ended: well, or with a problem."""

    problem: PeftSpError | None = None


class ShardWorker:
    """Predicts shards with a model that it loads once; what each worker of a cluster runs."""

    def __init__(self, plan: str, directory: str, workers: Workers) -> None:
        self.plan, self.directory, self.workers = plan_of(plan), Path(directory), workers
        self._predictor: Predictor | None = None

    def prepare(self) -> Answer:
        """Load the model."""
        own = self.workers
        try:
            self._predictor = load(
                self.plan.predicting.model,
                device=own.device,
                threads=own.threads,
                backbone=own.backbone,
            )
            require_model(self.plan, self._predictor)
        except PeftSpError as error:
            return Answer(error)
        return Answer()

    def run(self, shard: int) -> Answer:
        """Do a shard."""
        assert self._predictor is not None
        try:
            predict_shard(self.plan, shard, self.directory, self._predictor)
        except PeftSpError as error:
            return Answer(error)
        return Answer()


@dataclass
class _Worker:
    """An actor, or several one after the other; starts: in a row of which none got ready."""

    number: int
    actor: Any = None
    starts: int = 0
    ready: bool = False


class _Driver:
    """Hands shards to workers until all are done or given up."""

    def __init__(
        self,
        ray: Any,
        found: Status,
        directory: Path,
        workers: Workers,
        notice: Notice,
    ) -> None:
        plan = found.plan
        self.ray, self.plan, self.directory = ray, plan, directory
        self.options, self.notice = workers, notice
        self.missing = len(found.missing)
        self.schedule = Schedule({n: plan.shards[n - 1].proteins for n in found.missing})
        self.proteins = sum(plan.shards[n - 1].proteins for n in found.done)
        self.text = ray.put(plan.text())  # once, however many workers there are
        self.workers: list[_Worker] = []
        self.calls: dict[Any, _Worker] = {}
        self.fault: PeftSpError | None = None

    def run(self, count: int, progress: Progress) -> dict[int, str]:
        """Do the missing shards; the problems of those that were given up, by number."""
        self.progress = progress
        progress(self.proteins, self.plan.proteins)
        self.workers = [_Worker(n) for n in range(min(count, self.missing))]
        for worker in self.workers:
            self._start(worker)
        impatient = time.monotonic() + PATIENCE
        while not self.schedule.finished:
            self._hand_out()
            if not self.calls:
                raise self.fault or OutputError("all workers died when they were started")
            ended, _ = self.ray.wait(list(self.calls), timeout=_POLL)
            for call in ended:
                self._end(call)
            if time.monotonic() > impatient and not any(w.ready for w in self.workers):
                impatient = float("inf")
                self.notice(WAITS_FOR_ROOM)
        return self.schedule.given_up

    def _hand_out(self) -> None:
        busy = {worker.number for worker in self.calls.values()}
        for worker in self.workers:
            if worker.ready and worker.number not in busy:
                shard = self.schedule.take(worker.number)
                if shard is None:  # nor is there one for others
                    return
                self.calls[worker.actor.run.remote(shard)] = worker

    def _start(self, worker: _Worker) -> None:
        if worker.actor is not None:
            self.ray.kill(worker.actor)  # it may be alive, and out of reach for a while
        remote = self.ray.remote(
            num_cpus=self.options.threads,
            num_gpus=self.options.gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )(ShardWorker)
        worker.actor = remote.remote(self.text, str(self.directory), self.options)
        worker.ready, worker.starts = False, worker.starts + 1
        self.calls[worker.actor.prepare.remote()] = worker

    def _end(self, call: Any) -> None:
        """A call of a worker ended."""
        worker = self.calls.pop(call)
        try:
            answer = self.ray.get(call)
        except self.ray.exceptions.RayTaskError as error:  # a fault of ours
            answer = Answer(OutputError(f"unforeseen: {str(error).strip().splitlines()[-1]}"))
        except self.ray.exceptions.RayError as error:
            self._died(worker, error)
            return
        if not worker.ready:
            self._prepared(worker, answer)
        elif answer.problem is not None:
            again = may_pass(answer.problem)
            self._tell(self.schedule.fail(worker.number, str(answer.problem), again))
        elif (shard := self.schedule.succeed(worker.number)) is not None:
            self.proteins += self.plan.shards[shard - 1].proteins
            self.progress(self.proteins, self.plan.proteins)

    def _prepared(self, worker: _Worker, answer: Answer) -> None:
        if answer.problem is None:
            worker.ready, worker.starts = True, 0
        else:
            # Others may be on machines that have what it lacks.
            self.workers.remove(worker)
            if self.fault is None or str(self.fault) != str(answer.problem):
                self._tell(f"a worker is left out: {answer.problem}")
            self.fault = answer.problem

    def _died(self, worker: _Worker, error: Exception) -> None:
        if worker.ready:
            self._tell(self.schedule.fail(worker.number, cause_of_death(error)))
        elif worker.starts >= TRIES:
            self.workers.remove(worker)
            self.fault = OutputError(f"a worker died {TRIES} times when it was started")
            return
        self._start(worker)

    def _tell(self, message: str | None) -> None:
        if message is not None:
            self.notice(message)
