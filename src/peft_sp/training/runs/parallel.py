"""Networks that are trained beside each other on one machine, each in a process of its own.

A process does what the program would do by itself, and leaves the same directory; what is
concluded from all is not done here. Where one fails, or the program is stopped, the others are
stopped, and the same call goes on from what they have left.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from peft_sp.errors import PeftSpError
from peft_sp.inference.hardware.processors import limit_torch
from peft_sp.training.fitting.progress import Progress, Report

ENDS_WITHIN = 10.0
"""Seconds that a stopped process has; it is killed then, and loses no more than by a stop."""


@dataclass(frozen=True)
class Job:
    """A network to be trained.

    make: called with `progress`, in a process that unpickles it; leaves: a file that is there then.
    """

    name: str
    make: Callable[..., Any]
    leaves: Path | None = None


def carry_out(job: Job, threads: int, progress: Progress) -> Exception | None:
    """Do a job in this process, on some threads; its error, as other processes are told it."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    limit_torch(threads)
    try:
        job.make(progress=progress)
    except PeftSpError as error:
        return error
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        return RuntimeError(f"{job.name} failed:\n{text}")
    return None


@dataclass
class _Running:
    """A job under way in slot `slot`, and what it says."""

    job: Job
    slot: int
    process: Any
    reports: Connection
    error: BaseException | None = None
    progress: Progress | None = field(default=None, repr=False)


def run_in_parallel(
    jobs: Sequence[Job],
    count: int,
    threads: int = 1,
    progress: Callable[[str], Progress] | None = None,
) -> None:
    """Run jobs, at most `count` at a time, each on some threads.

    On a machine with GPUs each process sees one of them, in turn. progress: gives a job's name,
    gets its reports. Raises what the first job that failed has raised.
    """
    context, waiting = _context(), list(jobs)
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < count:
                slot = min(set(range(count)) - {one.slot for one in running})
                running.append(_started(context, waiting.pop(0), slot, threads, progress))
            ready = wait([one.reports for one in running])
            for one in [one for one in running if one.reports in ready]:
                if not _heard(one):
                    running.remove(one)
                    _ended(one)
    finally:
        _stop(running)


def _context() -> BaseContext:
    """Processes that fork from one which has its imports, and has neither threads nor a GPU."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["peft_sp.training.runs.run"])
    return context


def _started(
    context: BaseContext,
    job: Job,
    slot: int,
    threads: int,
    progress: Callable[[str], Progress] | None,
) -> _Running:
    reports, tells = context.Pipe(duplex=False)
    own = (job, tells, threads, visible_device(slot))
    process = context.Process(target=_work, args=own, daemon=False)  # type: ignore[attr-defined]
    process.start()
    tells.close()
    return _Running(job, slot, process, reports, progress=progress and progress(job.name))


def visible_device(slot: int) -> str | None:
    """The GPU of a slot, by its name for CUDA_VISIBLE_DEVICES; None where there are no several."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named else [str(n) for n in range(torch.cuda.device_count())]
    return devices[slot % len(devices)] if len(devices) > 1 else None


def _heard(one: _Running) -> bool:
    """Take in what a job says; False when it will say no more."""
    try:
        said = one.reports.recv()
    except EOFError:
        return False
    if isinstance(said, Report):
        if one.progress is not None:
            one.progress(said)
    else:
        one.error = said
    return True


def _ended(one: _Running) -> None:
    """Raise what a job has raised."""
    one.process.join()
    one.reports.close()
    if one.error is not None:
        raise one.error
    if code := one.process.exitcode:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        raise PeftSpError(f"{one.job.name}: its process {how}; the same command goes on from there")


def _stop(running: Sequence[_Running]) -> None:
    for one in running:
        one.process.terminate()
    for one in running:
        one.process.join(ENDS_WITHIN)
        one.process.kill()
        one.process.join()


def _work(job: Job, tells: Connection, threads: int, device: str | None) -> None:
    """A process: the job, with its reports and its error sent to where it was started."""
    # Of a terminal's Ctrl-C the program hears, and stops this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if (error := carry_out(job, threads, tells.send)) is not None:
        with suppress(OSError):
            tells.send(error)


def _end_with_parent() -> None:
    """A program that was killed leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
