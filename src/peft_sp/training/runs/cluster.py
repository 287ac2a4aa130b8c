"""Networks that are trained on a Ray cluster: an actor for each, as a process on one machine.

Nothing large passes through Ray: a worker gets a job, which names files, and answers with reports.
What is done is known by what stands in the directory alone, so that the program may be killed, and
the same call goes on. A network whose worker dies goes on from its checkpoint, in another one.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from peft_sp.errors import OutputError, PeftSpError
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
from peft_sp.training.fitting.progress import Progress, Report
from peft_sp.training.runs.parallel import Job, carry_out

MARK = ".cluster-"
"""How the folder begins by which machines know that they see the same directory."""
_GATHER = 0.5
"""Seconds in which a worker gathers what it has to say."""
_POLL = 1.0
"""Seconds after which the program looks at the time, whatever workers say."""
_SEEN_WITHIN = 120.0
"""Seconds in which a disk that machines share shows on one what another has written."""


@dataclass(frozen=True)
class Workers:
    """count: how many at a time, None for as many as there is room for; threads, gpus: of each."""

    count: int | None = None
    threads: int = 1
    gpus: float = 0


@dataclass(frozen=True)
class Shared:
    """Directories that every machine must see under these names.

    start: where the program was started, from where relative paths are seen; results: where it
    writes, with a folder `mark` in it by which it is told from another one of the same name.
    """

    start: str
    results: str
    mark: str


@dataclass(frozen=True)
class Begun:
    """A worker is there, on a machine of this name."""

    machine: str


@dataclass(frozen=True)
class Ended:
    """A job is done, or has failed."""

    error: Exception | None = None


class JobWorker:
    """Does a job in a thread, and tells of it whoever asks; what runs on a cluster's machines."""

    def __init__(self, job: Job, workers: Workers, shared: Shared) -> None:
        if not workers.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one that was not asked for may be another's
        self._said: SimpleQueue[Report | Ended] = SimpleQueue()
        own = (job, workers.threads, shared)
        self._thread = threading.Thread(target=self._work, args=own, daemon=True)

    def begin(self) -> Begun:
        """Begin the job, and say where."""
        # Whoever hears of it knows the machine, also where the job is the end of it.
        threading.Timer(_GATHER, self._thread.start).start()
        return Begun(socket.gethostname())

    def listen(self) -> list[Report | Ended]:
        """What is new; waits until there is something."""
        said = [self._said.get()]
        time.sleep(_GATHER)
        while not self._said.empty():
            said.append(self._said.get())
        return said

    def _work(self, job: Job, threads: int, shared: Shared) -> None:
        try:
            _enter(shared)
        except PeftSpError as error:
            self._said.put(Ended(error))
            return
        self._said.put(Ended(carry_out(job, threads, self._said.put)))


def _enter(shared: Shared) -> None:
    """Go to where the program was started. Raises OutputError where it is not seen."""
    try:
        os.chdir(shared.start)
    except OSError as error:
        raise OutputError(
            f"{shared.start}, where the command was given, is not seen ({error.strerror}); give it "
            "in a directory that all machines of the cluster see"
        ) from None
    if not Path(shared.results, shared.mark).is_dir():
        raise OutputError(
            f"{shared.results} is not seen, or another directory of this name; give one with -o "
            "that all machines of the cluster see"
        )


def run_on_cluster(
    jobs: Sequence[Job],
    directory: Path,
    address: str,
    workers: Workers,
    progress: Callable[[str], Progress] | None = None,
    *,
    notice: Callable[[str], None] | None = None,
) -> None:
    """Have jobs done by a cluster, each in a worker of its own.

    directory: of all that they leave; all machines see it, and the working directory, under the
    same names. address: `cluster.LOCAL`, or that of a running cluster. progress: gives a job's
    name, gets its reports; notice: is told of each try that failed.

    Raises what a job has raised, with its name and its machine before it, where that cannot pass or
    came `TRIES` times; the others are stopped then. OptionError where the cluster cannot be reached
    or has no room, OutputError where the directory cannot be made, MissingExtraError.
    """
    processors = (workers.count or 0) * workers.threads or available_processors()
    with _shared(directory) as shared, connected(address, processors) as ray:
        count = room_for(ray, address, workers.count, workers.threads, workers.gpus)
        own: dict[str, Any] = {"progress": progress or _unseen, "notice": notice or _ignore}
        driver = _Driver(ray, Turns(jobs), workers, shared, **own)
        try:
            driver.run(count)
        finally:
            driver.stop()


@contextmanager
def _shared(directory: Path) -> Iterator[Shared]:
    directory = directory.absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob(f"{MARK}*"):  # by a program that was killed
            left.rmdir()
        mark = tempfile.TemporaryDirectory(prefix=MARK, dir=directory)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written ({error.strerror})") from None
    with mark:
        yield Shared(str(Path.cwd()), str(directory), Path(mark.name).name)


def _ignore(_: Any) -> None:
    """Nobody asked."""


def _unseen(_: str) -> Progress:
    return _ignore


@dataclass
class _Running:
    """A job that an actor is at; machine: its name, once the actor is there."""

    job: Job
    actor: Any
    machine: str = ""


class Turns:
    """Jobs that are to be begun, in turn: those that failed, and may do better, come again."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.waiting = deque(jobs)
        self._tries: Counter[str] = Counter()

    def fail(self, job: Job, machine: str, error: Exception) -> str:
        """A job failed on a machine ("" where none is known), and waits again; what to tell.

        Raises the error, with what is known of it, where it cannot pass or came `TRIES` times.
        """
        if not isinstance(error, PeftSpError):
            raise error
        where = f"{job.name} on {machine}" if machine else job.name
        if not may_pass(error):
            raise PeftSpError(f"{where}: {error}")
        self._tries[job.name] += 1
        problem = f"{where}, try {self._tries[job.name]} of {TRIES}: {error}"
        if self._tries[job.name] == TRIES:
            raise PeftSpError(f"{problem}; the same command goes on from there")
        self.waiting.append(job)
        return problem


class _Driver:
    """Hands jobs to workers, hears them, and tries again what may pass."""

    def __init__(
        self,
        ray: Any,
        turns: Turns,
        workers: Workers,
        shared: Shared,
        *,
        progress: Callable[[str], Progress],
        notice: Callable[[str], None],
    ) -> None:
        self.ray, self.turns, self.workers, self.shared = ray, turns, workers, shared
        self.progress, self.notice = progress, notice
        self.running: dict[Any, _Running] = {}
        self.heard = False
        self.shown: dict[str, Progress] = {}
        self.remote = ray.remote(
            num_cpus=workers.threads,
            num_gpus=workers.gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )(JobWorker)

    def run(self, count: int) -> None:
        """Until all jobs are done, `count` at a time. Raises what a job has raised."""
        waiting, impatient = self.turns.waiting, time.monotonic() + PATIENCE
        while waiting or self.running:
            while waiting and len(self.running) < count:
                job = waiting.popleft()
                actor = self.remote.remote(job, self.workers, self.shared)
                self.running[actor.begin.remote()] = _Running(job, actor)
            heard, _ = self.ray.wait(list(self.running), timeout=_POLL)
            for call in heard:
                self.heard = True
                self._hear(self.running.pop(call), call)
            if time.monotonic() > impatient:
                impatient = float("inf")
                if not self.heard:
                    self.notice(WAITS_FOR_ROOM)

    def stop(self) -> None:
        """End the workers that are left; what they have stored is kept."""
        for one in self.running.values():
            self.ray.kill(one.actor)

    def _hear(self, one: _Running, call: Any) -> None:
        """Take in what a worker says, or that it is gone."""
        said: Begun | Sequence[Report | Ended]
        try:
            said = self.ray.get(call)
        except self.ray.exceptions.RayTaskError as error:  # such as packages that it lacks
            said = [Ended(OutputError(f"unforeseen: {str(error).strip().splitlines()[-1]}"))]
        except self.ray.exceptions.RayError as error:
            said = [Ended(None if _is_done(one.job) else OutputError(cause_of_death(error)))]
        name = one.job.name
        if isinstance(said, Begun):
            one.machine, said = said.machine, []
            if name not in self.shown:
                self.shown[name] = self.progress(name)
        for item in said:
            if isinstance(item, Ended):
                # It may be alive, and out of reach for a while.
                self.ray.kill(one.actor)
                self._end(one, item.error)
                return
            self.shown[name](item)
        self.running[one.actor.listen.remote()] = one

    def _end(self, one: _Running, error: Exception | None) -> None:
        if error is None:
            error = _missing(one.job)
        if error is not None:
            self.notice(self.turns.fail(one.job, one.machine, error))


def _is_done(job: Job) -> bool:
    """Whether what it leaves is there; it may have been done, and its worker died before a word."""
    return job.leaves is not None and job.leaves.exists()


def _missing(job: Job) -> PeftSpError | None:
    """What is wrong where a job was done, and what it leaves does not come to be seen here."""
    end = time.monotonic() + _SEEN_WITHIN
    while job.leaves is not None and not _is_done(job):
        if time.monotonic() > end:
            return PeftSpError(f"was done, but {job.leaves} is not seen here")
        time.sleep(_POLL)
    return None
