"""The store of jobs: what was accepted outlasts a kill of anything, a restart and a full disk.

A job's row in the database says all that counts; its files lie in a folder of its own:

    jobs/ID/input/...                   as it was sent, until the job is over
    jobs/ID/ATTEMPT/results, compared   of an attempt; those of the row's attempt are the results

Files are on disk before the row that counts on them, and a row goes before its files do. What a
kill leaves between the two has no row, and is removed by `JobStore.tidy`.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from peft_sp.errors import OutputError
from peft_sp.io.atomic import sync_directory
from peft_sp.service.database import FILE, Database, StoreError
from peft_sp.service.job import FINAL, Job, LimitError, Problem, State, Submission, Upload
from peft_sp.service.settings import ServiceSettings

INPUT, RESULTS, COMPARED = "input", "results", "compared"
DAY = 86_400.0
_ABANDONED = 3600.0
"""Seconds after which files without a row are not those of a submission under way."""
_OWN = 0o700
"""Permissions of its folders: what clients send is for no other user of the machine."""
_BUSY, _LATER = 10, 60
"""Seconds after which to try again: when other jobs are done, and when there is room."""

# The heads of the clients' queues: which job of each is next, in the order of their turns.
HEADS = """
    SELECT client, count(*) AS waiting, min(number) AS head, coalesce(turn, 0) AS turn
    FROM jobs LEFT JOIN turns USING (client)
    WHERE state = 'queued' AND not_before <= ?
    GROUP BY client ORDER BY turn, head
"""


class JobStore:
    """All jobs of a service, in its directory; processes and threads may share it.

    clock: seconds since 1970. Raises OutputError where the directory cannot be written.
    """

    def __init__(self, settings: ServiceSettings, clock: Callable[[], float] = time.time) -> None:
        self.settings, self.clock = settings, clock
        directory = settings.directory.absolute()
        self.folder, self._incoming = directory / "jobs", directory / "incoming"
        try:
            directory.mkdir(_OWN, parents=True, exist_ok=True)
            for folder in (self.folder, self._incoming):
                folder.mkdir(_OWN, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{settings.directory}: cannot be written ({error.strerror})"
            ) from None
        self.database = Database(directory / FILE)
        for folder in (directory, directory.parent):
            sync_directory(folder)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def staging(self) -> Path:
        """A new, empty folder for files that are being sent, on the same disk as the jobs.

        The caller removes it or gives it to `submit`; one that is left is removed by `tidy`.
        """
        folder = self._incoming / secrets.token_urlsafe(16)
        folder.mkdir()
        return folder

    def submit(self, staged: Path, submission: Submission) -> Job:
        """Take a job: when this returns, a crash of anything does not lose it.

        staged: a folder of `staging` that holds the files of the submission, which becomes the
        job's. Raises LimitError where the client or the service has too many jobs, or the disk is
        full; the folder is then gone.
        """
        id = secrets.token_urlsafe(16)
        folder = self.folder / id
        try:
            self.require_room(submission.client)
            size = _on_disk(staged)
            folder.mkdir()
            staged.rename(folder / INPUT)
            sync_directory(folder)
            sync_directory(self.folder)
            with self.database.write() as connection:
                self._require_turn(connection, submission.client)
                self._insert(connection, id, submission, size)
        except BaseException as error:
            for leftover in (staged, folder):
                shutil.rmtree(leftover, ignore_errors=True)
            if is_full(error):
                raise LimitError("the disk of the server is full", _LATER, True) from None
            raise
        job = self.get(id)
        assert job is not None
        return job

    def require_room(self, client: str) -> None:
        """Raise LimitError where `submit` would raise it."""
        settings = self.settings
        if shutil.disk_usage(self.folder).free < settings.free_disk:
            raise LimitError("the disk of the server is full", _LATER, True)
        if self.used() > settings.max_disk:
            raise LimitError("the results that are kept take all the room there is", _LATER, True)
        with self.database.read() as connection:
            self._require_turn(connection, client)

    def _require_turn(self, connection: sqlite3.Connection, client: str) -> None:
        most, everyone = self.settings.max_jobs, self.settings.max_queued
        own = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND client = ?"
        if connection.execute(own, (client,)).fetchone()[0] >= most:
            raise LimitError(
                f"{most:,} of your jobs wait or run; send more when some are done", _BUSY
            )
        every = "SELECT count(*) FROM jobs WHERE state = 'queued'"
        if connection.execute(every).fetchone()[0] >= everyone:
            raise LimitError(f"{everyone:,} jobs wait, which is all that may", _BUSY, True)

    def _insert(
        self, connection: sqlite3.Connection, id: str, submission: Submission, size: int
    ) -> None:
        now = self.clock()
        row = {
            "id": id,
            "client": submission.client,
            "state": "queued",
            "organism": submission.organism,
            "model": submission.model,
            "compare": submission.compare,
            "skip_invalid": submission.skip_invalid,
            "uploads": json.dumps([(own.name, own.path.name) for own in submission.uploads]),
            "bytes": size,
            "submitted": now,
            "expires": now + self.settings.kept_days * DAY,
            "total": submission.records,
        }
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO jobs ({names}) VALUES ({places})", row)  # noqa: S608

    def get(self, id: str) -> Job | None:
        """The job of an id; None where there is none (any more)."""
        with self.database.read() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (id,)).fetchone()
        return None if row is None or self._is_expired(row) else self.job(row)

    def _is_expired(self, row: sqlite3.Row) -> bool:
        return row["state"] in FINAL and row["expires"] <= self.clock()

    def job(self, row: sqlite3.Row) -> Job:
        """The job of a row of the database."""
        folder = self.folder / row["id"]
        attempt = folder / str(row["attempt"])
        runs, rate, total = row["state"] == "running", row["rate"], row["total"]
        over = row["state"] in FINAL
        uploads = json.loads(row["uploads"])
        error = json.loads(row["error"] or "null")
        return Job(
            id=row["id"],
            client=row["client"],
            state=row["state"],
            submitted=row["submitted"],
            expires=row["expires"],
            organism=row["organism"],
            model=row["model"],
            compare=row["compare"],
            skip_invalid=bool(row["skip_invalid"]),
            uploads=tuple(Upload(name, folder / INPUT / own) for name, own in uploads),
            results=attempt / RESULTS,
            compared=attempt / COMPARED,
            started=row["started"],
            finished=row["finished"] if over else None,
            done=row["done"],
            total=total,
            rate=rate if runs else None,
            remaining=(total - row["done"]) / rate if runs and rate and total else None,
            counts=json.loads(row["counts"]),
            unusable=row["unusable"],
            skipped=tuple(Problem(**one) for one in json.loads(row["skipped"])),
            version=row["version"],
            digest=row["digest"],
            error=Problem(**error) if error else None,
        )

    def ahead(self, job: Job) -> int:
        """How many jobs are before this one in the fair order, 0 where it does not wait.

        Clients take turns. Before the k-th job of one come, of each other client, its first k - 1
        jobs, and one more where its turn is earlier.
        """
        with self.database.read() as connection:
            own: int = connection.execute(
                "SELECT count(*) FROM jobs AS other JOIN jobs AS own USING (client)"
                " WHERE own.id = ? AND own.state = 'queued' AND other.state = 'queued'"
                " AND other.number < own.number AND other.not_before <= ?",
                (job.id, self.clock()),
            ).fetchone()[0]
            heads = connection.execute(HEADS, (self.clock(),)).fetchall()
        if job.client not in (clients := [head["client"] for head in heads]):
            return 0
        turn = clients.index(job.client)
        waiting: list[int] = [head["waiting"] for head in heads]
        waiting[turn] = own
        return sum(min(number, own + (place < turn)) for place, number in enumerate(waiting))

    def remove(self, id: str) -> Job | None:
        """Cancel a job that is not over (it stays, "cancelled"); remove one that is, files and all.

        Gives the job as it is then, or was before it was removed; None where there was none.
        """
        with self.database.write() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (id,)).fetchone()
            if row is None or self._is_expired(row):
                return None
            if row["state"] in FINAL:
                connection.execute("DELETE FROM jobs WHERE id = ?", (id,))
            else:
                connection.execute(
                    "UPDATE jobs SET state = 'cancelled', finished = ?, worker = NULL WHERE id = ?",
                    (self.clock(), id),
                )
        # A worker that is still at it writes into what is left, and removes that (`discard`).
        shutil.rmtree(self.folder / id, ignore_errors=True)
        return self.job(row) if row["state"] in FINAL else self.get(id)

    def counts(self) -> Mapping[State, int]:
        """Jobs by state."""
        states: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
        with self.database.read() as connection:
            found = dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
        return {state: found.get(state, 0) for state in states}

    def worker_seen(self) -> float | None:
        """When a worker last gave a sign of life; None where there never was one."""
        with self.database.read() as connection:
            found: float | None = connection.execute("SELECT max(seen) FROM workers").fetchone()[0]
        return found

    def used(self) -> int:
        """Bytes on disk of all jobs, about."""
        with self.database.read() as connection:
            found: float = connection.execute("SELECT total(bytes) FROM jobs").fetchone()[0]
        return int(found)

    def discard(self, id: str) -> None:
        """Remove what lies on disk of a job that left nothing, or is gone."""
        job = self.get(id)
        if job is None or job.state in ("failed", "cancelled"):
            shutil.rmtree(self.folder / id, ignore_errors=True)

    def tidy(self) -> None:
        """Remove jobs that have expired, and files that belong to none. Called now and then."""
        now = self.clock()
        final = ", ".join(f"'{state}'" for state in sorted(FINAL))
        with self.database.write() as connection:
            connection.execute(
                f"DELETE FROM jobs WHERE state IN ({final}) AND expires <= ?",  # noqa: S608
                (now,),
            )
            connection.execute(
                "DELETE FROM turns WHERE client NOT IN (SELECT client FROM jobs)",
            )
            connection.execute("DELETE FROM workers WHERE seen < ?", (now - DAY,))
            known = {id for (id,) in connection.execute("SELECT id FROM jobs")}
        for folder in self._old(self.folder, known):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in self._old(self._incoming, set()):
            shutil.rmtree(folder, ignore_errors=True)

    def _old(self, folder: Path, known: set[str]) -> Iterator[Path]:
        """What lies in a folder and belongs to no job, nor to a submission that is under way."""
        for path in folder.iterdir():
            try:
                newest = max(own.stat().st_mtime for own in (path, *path.iterdir()))
            except OSError:  # gone meanwhile
                continue
            if path.name not in known and newest < time.time() - _ABANDONED:
                yield path


def as_json(problem: Problem) -> str:
    """A problem as the database keeps it."""
    return json.dumps(asdict(problem))


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or what a user may have of it, is full."""
    if isinstance(error, StoreError):
        return error.full
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full


def _on_disk(folder: Path) -> int:
    """Bytes of the files in a folder, which are on disk now, as their names are."""
    size = 0
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            size += os.fstat(file.fileno()).st_size
    sync_directory(folder)
    return size
