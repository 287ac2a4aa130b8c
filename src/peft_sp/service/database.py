"""The database of jobs: SQLite, whose transactions outlast a kill and a power cut."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from peft_sp.errors import OutputError

FILE = "jobs.sqlite3"
FORMAT = 2
"""Of the tables; a database of another one is refused."""
_WAITS = 30.0
"""Seconds that a transaction waits for those of other processes."""
_OWN = 0o600
"""Permissions of the file: it says who sent what."""
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)

# number: the order of submission. attempt: how often the job was leased; a lease is a job and its
# attempt, and results of another attempt than the last do not count. failures: attempts that
# ended with their process, since the job last came further than ever (furthest).
_TABLES = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    state TEXT NOT NULL,
    organism TEXT NOT NULL,
    model TEXT NOT NULL,
    compare TEXT,
    skip_invalid INTEGER NOT NULL,
    uploads TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    submitted REAL NOT NULL,
    started REAL,
    finished REAL,
    expires REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    leased_until REAL,
    not_before REAL NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    furthest INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    rate REAL,
    counts TEXT NOT NULL DEFAULT '{}',
    unusable INTEGER NOT NULL DEFAULT 0,
    skipped TEXT NOT NULL DEFAULT '[]',
    version TEXT,
    digest TEXT,
    error TEXT
);
CREATE INDEX jobs_by_state ON jobs (state, client, number);
CREATE TABLE turns (client TEXT PRIMARY KEY, turn INTEGER NOT NULL);
CREATE TABLE workers (worker TEXT PRIMARY KEY, seen REAL NOT NULL);
"""


class StoreError(OutputError):
    """The database cannot be used; `full`: because the disk is, or does not take any more."""

    def __init__(self, problem: str, full: bool = False) -> None:
        self.full = full
        super().__init__(problem)


class Database:
    """A file with the tables of jobs, made where it is not there. Threads may share it.

    Raises StoreError where it cannot be read or written, in its methods as well.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Reading does not wait for a disk that is slow to write.
        self._locks = threading.Lock(), threading.Lock()
        with self._own_errors():
            path.touch(_OWN)  # those that SQLite makes beside it have the same permissions
            self._reader, self._writer = self._connect(), self._connect()
        self._prepare()

    def _connect(self) -> sqlite3.Connection:
        found = sqlite3.connect(
            self._path, timeout=_WAITS, isolation_level=None, check_same_thread=False
        )
        found.row_factory = sqlite3.Row
        found.execute("PRAGMA journal_mode = WAL")
        found.execute("PRAGMA synchronous = FULL")  # what is committed outlasts a power cut
        return found

    def _prepare(self) -> None:
        with self.write() as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == 0:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {FORMAT}")
            elif found != FORMAT:
                raise StoreError(
                    f"{self._path}: of another version of this program; give another directory"
                )

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from, all of one moment."""
        with self._locks[0], self._own_errors(), self._transaction(self._reader, "DEFERRED"):
            yield self._reader

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk afterwards or, where an error is raised, nothing."""
        with self._locks[1], self._own_errors(), self._transaction(self._writer, "IMMEDIATE"):
            yield self._writer

    def close(self) -> None:
        """Let go of the file."""
        for lock, connection in zip(self._locks, (self._reader, self._writer), strict=True):
            with lock:
                connection.close()

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, kind: str) -> Iterator[None]:
        connection.execute(f"BEGIN {kind}")
        try:
            yield
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the kind of I/O error
            raise StoreError(f"{self._path}: cannot be used ({error})", code in _FULL) from None
