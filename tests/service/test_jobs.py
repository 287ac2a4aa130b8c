"""Jobs that are taken outlast everything, and leave nothing behind when they are removed."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peft_sp.errors import OutputError
from peft_sp.service import jobs
from peft_sp.service.job import LimitError
from peft_sp.service.leases import Leases
from tests.support.jobs import PROTEINS, Clock, store_in, submit
from tests.support.paths import ROOT

DAY = 86_400


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = store_in(tmp_path, clock, kept_days=7, max_jobs=3, max_queued=5)
    yield made
    made.close()


def files(store):
    return sorted(path for path in store.settings.directory.rglob("*") if path.is_file())


def test_a_job_is_all_that_was_asked_for(store, clock):
    job = submit(
        store, "me", organism="eukarya", model="fast", compare="other", skip_invalid=True, records=2
    )
    assert job.state == "queued"
    assert (job.client, job.organism, job.model, job.compare) == ("me", "eukarya", "fast", "other")
    assert (job.skip_invalid, job.total, job.done) == (True, 2, 0)
    assert (job.submitted, job.expires) == (clock.now, clock.now + 7 * DAY)
    (upload,) = job.uploads
    assert upload.name == "proteins.faa"
    assert upload.path.read_text() == PROTEINS
    assert store.get(job.id) == job


def test_ids_have_128_random_bits_and_no_pattern(store):
    ids = {submit(store, str(number)).id for number in range(5)}
    assert len(ids) == 5
    assert all(len(id) == 22 for id in ids)


def test_the_names_of_a_client_touch_no_path(store):
    name = "../../../etc/passwd\x00"
    job = submit(store, name=name)
    assert job.uploads[0].name == name
    assert job.uploads[0].path.is_relative_to(store.folder / job.id)


def test_an_accepted_job_is_on_disk_before_the_answer(store, monkeypatch):
    """What is brought to disk, in order: the file, its names, then the row that counts on them."""
    order = []
    real = os.fsync

    def noted(descriptor):
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    insert = jobs.JobStore._insert

    def noted_row(*of):
        order.append("row")
        insert(*of)

    monkeypatch.setattr(jobs.JobStore, "_insert", noted_row)
    job = submit(store)
    assert [Path(str(path)).name for path in order[:1]] == ["1.fasta"]
    assert order[-3:] == [store.folder / job.id, store.folder, "row"]


def test_a_store_that_is_opened_again_has_its_jobs(store, tmp_path, clock):
    job = submit(store)
    store.close()
    again = store_in(tmp_path, clock)
    assert again.get(job.id) == job
    again.close()


def test_a_client_has_so_many_jobs_and_no_more(store):
    for _ in range(3):
        submit(store, "one")
    before = files(store)
    with pytest.raises(LimitError, match="3 of your jobs wait or run") as raised:
        submit(store, "one")
    assert raised.value.seconds > 0
    assert not raised.value.everyone
    assert [path for path in files(store) if path.suffix == ".fasta"] == [
        path for path in before if path.suffix == ".fasta"
    ]
    submit(store, "two")
    submit(store, "two")
    with pytest.raises(LimitError, match="5 jobs wait") as raised:
        submit(store, "three")
    assert raised.value.everyone


def test_results_that_take_all_the_room_are_a_limit(tmp_path):
    store = store_in(tmp_path, max_disk=100)
    submit(store)
    assert store.used() == len(PROTEINS)
    with pytest.raises(LimitError, match="all the room"):
        submit(store)
    store.close()


def test_the_disk_keeps_some_room(tmp_path):
    store = store_in(tmp_path, free_disk=1 << 62)
    with pytest.raises(LimitError, match="disk of the server is full"):
        submit(store)
    store.close()


FILLS_THE_DISK = """
import resource, sys
from pathlib import Path
from tests.support.jobs import store_in, submit
from peft_sp.service.job import LimitError
store = store_in(Path(sys.argv[1]), max_jobs=10**6)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, 1 << 17))
try:
    while True:
        print(submit(store, name="n" * 5000).id, flush=True)
except LimitError as error:
    print(error, error.everyone)
"""


def test_a_database_that_cannot_grow_refuses_a_job_and_keeps_those_it_has(tmp_path):
    """As on a full disk, no file takes more than some bytes."""
    command = [sys.executable, "-c", FILLS_THE_DISK, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    *accepted, end = run.stdout.splitlines()
    assert end == "the disk of the server is full True"
    store = store_in(tmp_path)
    assert len(accepted) >= 2
    assert store.counts()["queued"] == len(accepted)
    for id in accepted:
        assert store.get(id).uploads[0].path.read_text() == PROTEINS
    assert {path.name for path in store.folder.iterdir()} == set(accepted)
    submit(store, "another")
    store.close()


@pytest.mark.parametrize("step", ["rename", "fsync"])
def test_a_full_disk_refuses_a_job_at_each_step(store, monkeypatch, step):
    kept = submit(store)
    before = files(store)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((Path, "rename") if step == "rename" else (os, "fsync")), full)
    with pytest.raises(LimitError, match="disk of the server is full") as raised:
        submit(store)
    assert raised.value.everyone
    monkeypatch.undo()
    assert files(store) == before
    assert store.get(kept.id) == kept


def test_a_job_that_waits_is_cancelled_and_one_that_is_over_removed(store):
    job = submit(store)
    cancelled = store.remove(job.id)
    assert cancelled.state == "cancelled"
    assert cancelled.finished is not None
    assert not (store.folder / job.id).exists()
    assert store.remove(job.id) == cancelled
    assert store.get(job.id) is None
    assert store.remove(job.id) is None


def test_what_has_expired_is_gone_at_once_and_its_files_soon(store, clock):
    job, waiting = submit(store), submit(store)
    leases = Leases(store, "worker")
    lease = leases.next()
    lease.prepare()
    (lease.directory / "results").mkdir()
    (lease.directory / "results" / "predictions.tsv").write_text("id\n")
    leases.finish(lease, 2, {"SP": 1, "NO_SP": 1}, 0)
    done = store.get(job.id)
    assert done.expires == clock.now + 7 * DAY
    clock.now += 7 * DAY - 1
    store.tidy()
    assert store.get(job.id) == done
    clock.now += 1
    assert store.get(job.id) is None
    os.utime(store.folder / job.id, (0, 0))
    for path in (store.folder / job.id).iterdir():
        os.utime(path, (0, 0))
    store.tidy()
    assert not (store.folder / job.id).exists()
    assert store.get(waiting.id).state == "queued"  # what was accepted waits for as long as it must
    assert waiting.uploads[0].path.exists()


def test_what_a_kill_left_without_a_row_is_removed_but_not_what_is_under_way(store):
    job = submit(store)
    fresh, old, orphan = store.staging(), store.staging(), store.folder / "orphan"
    (orphan / "input").mkdir(parents=True)
    long_ago = time.time() - 7200
    for path in (old, orphan / "input", orphan, store.folder / job.id):
        os.utime(path, (long_ago, long_ago))
    store.tidy()
    assert fresh.exists()
    assert not old.exists()
    assert not orphan.exists()
    assert job.uploads[0].path.exists()


def test_counts_are_by_state(store):
    submit(store)
    store.remove(submit(store).id)
    assert store.counts() == {"queued": 1, "running": 0, "done": 0, "failed": 0, "cancelled": 1}


def test_clients_take_turns_and_each_job_knows_how_many_are_before_it(store, clock):
    order = "AABBCA"
    store.settings.__dict__.update(max_jobs=100, max_queued=100)
    ids = {submit(store, client).id: client for client in order}
    leases, came = Leases(store, "worker"), []
    while any(store.get(id).state == "queued" for id in ids):
        waiting = {id: store.ahead(store.get(id)) for id in ids if store.get(id).state == "queued"}
        assert sorted(waiting.values()) == list(range(len(waiting)))
        job = leases.next().job
        assert waiting[job.id] == 0
        came.append(ids[job.id])
    assert "".join(came) == "ABCABA"
    assert store.ahead(job) == 0


def test_a_client_that_comes_later_does_not_wait_for_all_of_the_first(store):
    store.settings.__dict__.update(max_jobs=100, max_queued=100)
    for _ in range(20):
        submit(store, "first")
    leases = Leases(store, "worker")
    leases.next()
    late = submit(store, "late")
    assert store.ahead(late) <= 1
    assert "late" in {leases.next().job.client for _ in range(2)}


def test_other_users_of_the_machine_do_not_see_what_was_sent(store):
    assert store.settings.directory.stat().st_mode & 0o077 == 0


def test_nor_do_they_where_all_may_look_into_the_directory(tmp_path):
    folder = tmp_path / "service"
    folder.mkdir(mode=0o755)
    submit(store_in(tmp_path))
    found = {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()}
    assert {"jobs", "incoming", "jobs.sqlite3", "jobs.sqlite3-wal"} <= set(found)
    assert not any(found.values())


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "service").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        store_in(tmp_path)


KILLED_WHILE_SUBMITTING = """
import os, sys
from pathlib import Path
from peft_sp.service.job import Submission, Upload
from peft_sp.service.jobs import JobStore
from peft_sp.service.settings import ServiceSettings
store = JobStore(ServiceSettings(Path(sys.argv[1]), free_disk=0, max_jobs=10**6))
while True:
    staged = store.staging()
    (staged / "1").write_text(">a\\nMKKTAIAIAVALAGFATVAQA\\n")
    job = store.submit(staged, Submission("me", (Upload("a.faa", staged / "1"),)))
    os.write(1, (job.id + "\\n").encode())
"""


def test_no_job_whose_id_was_given_is_lost_by_a_kill(tmp_path):
    folder = tmp_path / "service"
    for _ in range(2):
        command = [sys.executable, "-c", KILLED_WHILE_SUBMITTING, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            given = [process.stdout.readline().strip() for _ in range(5)]
            process.kill()
            given += process.stdout.read().split("\n")[:-1]
        store = store_in(tmp_path)
        for id in given:
            assert store.get(id).uploads[0].path.read_text().startswith(">a")
        store.close()
