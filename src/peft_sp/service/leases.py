"""What workers ask of the store: jobs one after the other, each for one worker at a time.

A worker has a job for as long as it says within `LEASE` seconds that it is at it. A job whose
worker does not is given to another, as a new attempt; what the first one says of it from then on
does not count.
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peft_sp.errors import OutputError
from peft_sp.io.atomic import locked, sync_directory
from peft_sp.service.job import Job, Problem
from peft_sp.service.jobs import COMPARED, DAY, HEADS, RESULTS, JobStore, as_json

LEASE = 30.0
"""Seconds."""
ATTEMPTS = 8
"""Attempts that may end with their process, or for want of room, without coming any further."""
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
"""Seconds before a job is tried again that could not be written."""


class LeaseLostError(OutputError):
    """The job is another worker's now, cancelled, or gone."""

    def __init__(self) -> None:
        super().__init__("the job is no longer this worker's")


@dataclass(frozen=True)
class Lease:
    """A job that a worker has; directory: of its attempt (`prepare`)."""

    job: Job
    attempt: int
    directory: Path

    def prepare(self) -> None:
        """Make the directory, with what an earlier attempt has left in its own to be continued.

        An earlier one that is still at it, or stopped in the middle, keeps what it has. Raises
        OSError.
        """
        folder = self.directory.parent
        earlier = [path for path in folder.iterdir() if path.name.isdecimal()]
        for path in sorted(earlier, key=lambda path: int(path.name), reverse=True):
            try:
                with ExitStack() as runs:
                    for part in (RESULTS, COMPARED):  # a run that writes there holds it
                        if (path / part).is_dir():
                            runs.enter_context(locked(path / part, busy=""))
                    path.rename(self.directory)
                return
            except (OSError, OutputError):
                continue
        self.directory.mkdir()


class Leases:
    """The workers' side of a store; `worker`: a name that no other worker has or had."""

    def __init__(self, store: JobStore, worker: str) -> None:
        self._store, self._worker = store, worker
        self._database, self._clock = store.database, store.clock

    def seen(self) -> None:
        """Say that this worker is there."""
        with self._database.write() as connection:
            self._sign(connection)

    def _sign(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO workers VALUES (?, ?)", (self._worker, self._clock())
        )

    def next(self) -> Lease | None:
        """The next job, None where none waits: clients take turns, the oldest job of each first."""
        now = self._clock()
        with self._database.read() as connection:  # which keeps no other process waiting
            waits = connection.execute(HEADS, (now,)).fetchone()
            late = "SELECT 1 FROM jobs WHERE state = 'running' AND leased_until < ?"
            lost = connection.execute(late, (now,)).fetchone()
        if waits is None and lost is None:
            return None
        with self._database.write() as connection:
            _give_back(connection, now, late_at=now)
            head = connection.execute(HEADS, (now,)).fetchone()
            if head is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', attempt = attempt + 1, worker = ?,"
                " leased_until = ?, started = coalesce(started, ?), rate = NULL WHERE number = ?",
                (self._worker, now + LEASE, now, head["head"]),
            )
            connection.execute(
                "INSERT OR REPLACE INTO turns SELECT ?, 1 + coalesce(max(turn), 0) FROM turns",
                (head["client"],),
            )
            self._sign(connection)
            row = connection.execute(
                "SELECT * FROM jobs WHERE number = ?", (head["head"],)
            ).fetchone()
        job = self._store.job(row)
        return Lease(job, row["attempt"], job.results.parent)

    def keep(
        self, lease: Lease, done: int = 0, total: int | None = None, rate: float | None = None
    ) -> None:
        """Say that this worker is at it, and how far. Raises LeaseLostError where it is not its."""
        now = self._clock()
        self._update(
            lease,
            "leased_until = ?, done = ?, total = coalesce(?, total), rate = ?,"
            " failures = CASE WHEN ? > furthest THEN 0 ELSE failures END,"
            " furthest = max(furthest, ?)",
            (now + LEASE, done, total, rate, done, done),
        )

    def finish(
        self,
        lease: Lease,
        count: int,
        types: Mapping[str, int],
        unusable: int,
        *,
        skipped: Iterable[Problem] = (),
        version: str | None = None,
        digest: str | None = None,
    ) -> None:
        """All files of the attempt are whole and on disk: they are the results from now on.

        skipped: why the first of the unusable records are; version, digest: of the model that made
        them. Raises LeaseLostError, and then they are not.
        """
        folder = lease.directory.parent
        sync_directory(lease.directory)
        sync_directory(folder)
        size = sum(path.stat().st_size for path in lease.directory.rglob("*") if path.is_file())
        self._end(
            lease,
            "state = 'done', done = ?, total = ?, counts = ?, unusable = ?, bytes = ?, "
            "skipped = ?, version = ?, digest = ?",
            (
                *(count, count, json.dumps(dict(types)), unusable, size),
                *(json.dumps([asdict(problem) for problem in skipped]), version, digest),
            ),
        )
        with suppress(OSError):
            for path in folder.iterdir():
                if path != lease.directory:
                    shutil.rmtree(path, ignore_errors=True)

    def fail(self, lease: Lease, problem: Problem) -> None:
        """The job cannot be done. Raises LeaseLostError."""
        self._end(lease, "state = 'failed', bytes = 0, error = ?", (as_json(problem),))
        self._store.discard(lease.job.id)

    def release(self, lease: Lease) -> None:
        """Give the job back, to be continued by any worker. Raises LeaseLostError."""
        self._update(lease, "state = 'queued', worker = NULL", ())

    def retry(self, lease: Lease, problem: Problem) -> None:
        """Give the job back, to be continued after a while; it fails when that was in vain often.

        Raises LeaseLostError.
        """
        with self._database.write() as connection:
            found = connection.execute(
                "SELECT failures + 1 FROM jobs WHERE id = ?", (lease.job.id,)
            ).fetchone()
            failures = found[0] if found else 0
            if failures < ATTEMPTS:
                wait = min(_FIRST_WAIT * 2 ** (failures - 1), _LONGEST_WAIT)
                self._change(
                    connection,
                    lease,
                    "state = 'queued', worker = NULL, failures = ?, not_before = ?",
                    (failures, self._clock() + wait),
                )
                return
        self.fail(lease, problem)

    def _end(self, lease: Lease, changes: str, values: tuple[Any, ...]) -> None:
        now = self._clock()
        expires = now + self._store.settings.kept_days * DAY
        ending = "worker = NULL, finished = ?, expires = ?"
        self._update(lease, f"{ending}, {changes}", (now, expires, *values))

    def _update(self, lease: Lease, changes: str, values: tuple[Any, ...]) -> None:
        with self._database.write() as connection:
            self._change(connection, lease, changes, values)
            self._sign(connection)

    def _change(
        self, connection: sqlite3.Connection, lease: Lease, changes: str, values: tuple[Any, ...]
    ) -> None:
        changed = connection.execute(
            f"UPDATE jobs SET {changes}"  # noqa: S608
            " WHERE id = ? AND attempt = ? AND state = 'running'",
            (*values, lease.job.id, lease.attempt),
        )
        if not changed.rowcount:
            raise LeaseLostError


def reclaim(store: JobStore, worker: str | None = None) -> None:
    """A worker has ended, or (None) all have: their jobs wait again."""
    with store.database.write() as connection:
        _give_back(connection, store.clock(), worker)
        connection.execute("DELETE FROM workers WHERE worker = ?", (worker,))


def _give_back(
    connection: sqlite3.Connection,
    now: float,
    worker: str | None = None,
    late_at: float = math.inf,
) -> None:
    """Have jobs wait again whose attempt ended with its process; fail those that ended so often.

    worker: that had them, None for any; late_at: when their leases are over.
    """
    problem = Problem(
        f"the process that ran this job ended {ATTEMPTS} times without coming further; "
        "it may need more memory than there is"
    )
    connection.execute(
        "UPDATE jobs SET worker = NULL, failures = failures + 1,"
        " state = CASE WHEN failures + 1 < :most THEN 'queued' ELSE 'failed' END,"
        " error = CASE WHEN failures + 1 < :most THEN error ELSE :error END, finished = :now"
        " WHERE state = 'running' AND leased_until < :late_at"
        " AND (:worker IS NULL OR worker = :worker)",
        {
            "most": ATTEMPTS,
            "error": as_json(problem),
            "now": now,
            "late_at": late_at,
            "worker": worker,
        },
    )
