"""Transactions that are whole, and errors of one line."""

import sqlite3
import threading

import pytest

from peft_sp.errors import OutputError
from peft_sp.service.database import Database, StoreError


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "jobs.sqlite3")
    yield made
    made.close()


def clients(database):
    with database.read() as connection:
        return [client for (client,) in connection.execute("SELECT client FROM turns")]


def test_a_transaction_that_fails_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute("INSERT INTO turns VALUES ('one', 1)")
        raise ZeroDivisionError
    with database.write() as connection:
        connection.execute("INSERT INTO turns VALUES ('two', 1)")
    assert clients(database) == ["two"]


def test_commits_are_written_ahead_and_brought_to_disk(database):
    with database.write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_threads_share_it_and_lose_nothing(database):
    def add(number):
        for count in range(10):
            with database.write() as connection:
                connection.execute("INSERT INTO turns VALUES (?, 1)", (f"{number}-{count}",))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients(database)) == 40


def test_a_file_that_is_none_of_ours_is_one_line(tmp_path):
    path = tmp_path / "jobs.sqlite3"
    path.write_text("no database at all, but a text that is long enough to look at\n" * 20)
    with pytest.raises(OutputError, match="cannot be used") as raised:
        Database(path)
    assert "\n" not in str(raised.value)


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "jobs.sqlite3"
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="another version"):
        Database(path)


def test_a_full_disk_is_told_from_other_errors(database):
    with database.write() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as raised, database.write() as connection:
        connection.executemany(
            "INSERT INTO turns VALUES (?, 1)", ((f"{number:0100d}",) for number in range(1000))
        )
    assert raised.value.full
    with pytest.raises(StoreError) as raised, database.write() as connection:
        connection.execute("SELECT nothing FROM nowhere")
    assert not raised.value.full
    assert clients(database) == []
