"""A process that does jobs, one after the other."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
import traceback
from pathlib import Path

from peft_sp.errors import OutputError, PeftSpError
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.run import RunInfo, RunOptions, predict_run
from peft_sp.io.registry import lookup
from peft_sp.service.input.check import require_within
from peft_sp.service.job import Problem
from peft_sp.service.jobs import COMPARED, RESULTS, JobStore
from peft_sp.service.leases import Lease, LeaseLostError, Leases
from peft_sp.service.settings import ServiceSettings

_LOOKS_EVERY = 0.1
"""Seconds after which a worker without a job looks for one again."""
_TELLS_EVERY = 1.0
"""Seconds between two signs of life, with which progress is told."""
_GRACE = 60.0
"""Seconds after its time was up in which a job must have heard of it."""
_NAMED = 100
"""Records that were left out of which a job says why."""
_log = logging.getLogger("peft_sp.service")


class _StoppingError(Exception):
    """The worker is to end."""


class _LateError(Exception):
    """The job took all the time that it may."""


def work(settings: ServiceSettings, name: str) -> None:
    """Do jobs until the process is asked to end; then the job that is under way is given back.

    name: of this worker, which no other had. To be called in a process of its own
    (`io.child.Child`), in its main thread.
    """
    stopping = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    Worker(settings, name, stopping).run()


class Worker:
    """Does jobs with models that stay loaded from one to the next."""

    def __init__(self, settings: ServiceSettings, name: str, stopping: threading.Event) -> None:
        self._settings, self._stopping = settings, stopping
        self._store = JobStore(settings)
        self._leases = Leases(self._store, name)
        self._predictors: dict[str, Predictor] = {}
        self._versions: dict[str, str | None] = {}

    def run(self) -> None:
        """Do jobs until `stopping` is set."""
        seen, said = 0.0, ""
        with contextlib.suppress(PeftSpError):  # the job that needs it will say why
            self._predictor(self._settings.models[0])
        while not self._stopping.is_set():
            try:
                if self.do_next():
                    continue
                if time.monotonic() > seen + _TELLS_EVERY:
                    self._leases.seen()
                    seen = time.monotonic()
            except OutputError as error:  # the database: a full disk may have room again
                if str(error) != said:
                    _log.warning("%s", said := str(error))
                self._stopping.wait(1.0)
            self._stopping.wait(_LOOKS_EVERY)
        self._store.close()

    def do_next(self) -> bool:
        """Do the next job; False where none waits."""
        lease = self._leases.next()
        if lease is None:
            return False
        with _Heart(self._leases, lease, self._settings.max_seconds, self._stopping) as heart:
            try:
                self._do(lease, heart)
            except LeaseLostError:
                self._store.discard(lease.job.id)
        return True

    def _do(self, lease: Lease, heart: _Heart) -> None:
        """Do a job, whatever comes of it. Raises LeaseLostError."""
        try:
            lease.prepare()
            with contextlib.chdir(lease.directory):  # files say "results" and name no folder here
                require_within(lease.job.uploads, self._settings)
                info = self._predict(lease, heart)
            self._finish(lease, info)
        except _StoppingError:
            self._leases.release(lease)
        except _LateError:
            self._leases.fail(lease, Problem(_too_late(self._settings.max_seconds)))
        except LeaseLostError:
            raise
        except (OutputError, OSError) as error:
            self._leases.retry(lease, Problem(_not_written(error)))
        except PeftSpError as error:
            self._leases.fail(lease, Problem.of(error, _names(lease)))
        except Exception as error:
            self._leases.keep(lease)  # of a job that was cancelled, files are gone
            _log.error("a job failed through a fault of this program: %s", _place(error))
            self._leases.fail(lease, Problem("this job failed through a fault of the program"))

    def _finish(self, lease: Lease, info: RunInfo) -> None:
        name = lease.job.model
        model = {"version": self._versions[name], "digest": self._predictor(name).fingerprint}
        names = _names(lease)
        skipped = [Problem.of(error, names) for error in info.skipped[:_NAMED]]
        self._leases.finish(lease, info.count, info.types, info.unusable, skipped=skipped, **model)

    def _predict(self, lease: Lease, heart: _Heart) -> RunInfo:
        job, models = lease.job, [lease.job.model]
        if job.compare is not None:
            models.append(job.compare)
        heart.runs = len(models)
        infos = []
        for number, (model, folder) in enumerate(zip(models, (RESULTS, COMPARED), strict=False)):
            heart.begin(number)
            options = RunOptions(
                model=self._predictor(model),
                organism=job.organism,
                skip_invalid=job.skip_invalid,
                resume="if possible",
                force=True,  # of an attempt that ended while its files were moved
                summary=folder == RESULTS,
                fasta=folder == RESULTS,
            )
            paths = [upload.path for upload in job.uploads]
            names = [upload.title for upload in job.uploads]
            infos.append(predict_run(paths, folder, options, heart.beat, names=names))
        return infos[0]

    def _predictor(self, model: str) -> Predictor:
        if model not in self._predictors:
            found = lookup.find(model)
            self._predictors[model] = load(found, threads=self._settings.threads)
            self._versions[model] = found.version or None
        return self._predictors[model]


class _Heart:
    """Tells the store that a job is being done, and how far; ends the job where that is asked for.

    A context manager. The store hears of it from a thread, at most every second, so that a long
    step does not look like a dead worker. `beat` is the progress callback of a run, in which the
    run is ended.
    """

    def __init__(
        self, leases: Leases, lease: Lease, most: float, stopping: threading.Event
    ) -> None:
        self._leases, self._lease, self._stopping, self._most = leases, lease, stopping, most
        self._began = time.monotonic()
        self._over, self._lost = threading.Event(), False
        self._done = 0
        self._total: int | None = None
        self._rate: float | None = None
        self._first: tuple[int, float] | None = None
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self.runs, self._run = 1, 0

    def __enter__(self) -> _Heart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def begin(self, run: int) -> None:
        """The run of a model begins, of several one after the other."""
        self._run, self._first = run, None

    def beat(self, done: int, total: int) -> None:
        """So many proteins are done. Raises the reason where the job is to end here."""
        now = time.monotonic()
        self._first = self._first or (done, now)
        if done > self._first[0]:
            self._rate = (done - self._first[0]) / max(now - self._first[1], 1e-3)
        self._done, self._total = self._run * total + done, self.runs * total
        if self._lost:
            raise LeaseLostError
        if self._stopping.is_set():
            raise _StoppingError
        if now > self._began + self._most:
            raise _LateError

    def _tell(self) -> None:
        while not self._over.wait(_TELLS_EVERY):
            try:
                self._leases.keep(self._lease, self._done, self._total, self._rate)
                if time.monotonic() > self._began + self._most + _GRACE:  # in one long step
                    self._leases.fail(self._lease, Problem(_too_late(self._most)))
                    os._exit(1)
            except LeaseLostError:
                self._lost = True
                return
            except OutputError as error:  # a full disk: the lease lasts for a while
                _log.warning("%s", error)


def _names(lease: Lease) -> dict[str, str]:
    """A client's names of files, by what an error calls them."""
    uploads = lease.job.uploads
    return {name: one.name for one in uploads for name in (one.name, str(one.path))}


def _too_late(seconds: float) -> str:
    return f"the job took longer than the {seconds:,.0f} seconds that it may; send fewer proteins"


def _not_written(error: BaseException) -> str:
    """Why results could not be written, without where."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__context__
    why = f" ({cause.strerror})" if cause is not None else ""
    return f"the server cannot write the results{why}"


def _place(error: BaseException) -> str:
    """What was raised, and where in the program: a message may hold what a client has sent."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
