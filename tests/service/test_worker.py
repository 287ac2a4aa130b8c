"""Workers do what was asked for, and lose nothing where they are stopped or killed."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from peft_sp.inference.run import RunOptions, predict_run
from peft_sp.service.job import Problem
from peft_sp.service.leases import Leases, reclaim
from peft_sp.service.worker import Worker
from tests.support.jobs import PROTEINS, store_in, submit
from tests.support.paths import ROOT
from tests.support.processes import wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def store(tmp_path):
    made = store_in(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stopping():
    return threading.Event()


@pytest.fixture
def worker(store, stopping):
    return Worker(store.settings, "worker", stopping)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_results_are_those_of_the_command(store, worker, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    job = submit(store, organism="eukarya")
    assert worker.do_next()
    done = store.get(job.id)
    assert (done.state, done.done, done.total) == ("done", 2, 2)
    assert sum(done.counts.values()) == 2
    monkeypatch.chdir(tmp_path)
    (tmp_path / "proteins.faa").write_text(PROTEINS)
    predict_run("proteins.faa", "results", RunOptions(organism="eukarya", summary=True, fasta=True))
    assert files(done.results) == files(tmp_path / "results")
    assert not worker.do_next()


def test_nothing_in_the_results_says_where_they_lie(store, worker, tmp_path):
    job = submit(store)
    worker.do_next()
    for name, content in files(store.get(job.id).results).items():
        assert str(tmp_path).encode() not in content, name


def test_an_error_in_the_input_has_its_line_and_the_clients_name(store, worker):
    job = submit(store, fasta=">a\nMKKTAIAIAV\n>b\nMKK1AIAIAV\n", name="mine.faa")
    worker.do_next()
    found = store.get(job.id)
    assert found.state == "failed"
    assert (found.error.line, found.error.record, found.error.file) == (3, "b", "mine.faa")
    assert not (store.folder / job.id).exists()


def test_records_that_cannot_be_used_are_left_out_where_that_was_asked_for(store, worker):
    job = submit(store, fasta=">a\nMKKTAIAIAV\n>b\nMKK1AIAIAV\n", skip_invalid=True)
    worker.do_next()
    found = store.get(job.id)
    assert (found.state, found.done, found.unusable) == ("done", 1, 1)
    why = "'1' at residue 4 is no amino acid; remove the numbers"
    assert found.skipped == (Problem(why, 3, "b", "proteins.faa"),)


def test_a_second_model_leaves_its_results_beside_those_of_the_first(store, worker):
    job = submit(store, compare="fast")
    worker.do_next()
    found = store.get(job.id)
    tables = [folder / "predictions.tsv" for folder in (found.results, found.compared)]
    assert tables[0].read_text() == tables[1].read_text()


def test_a_model_that_is_not_there_is_one_line_for_the_client(store, worker):
    job = submit(store, model="nothing-of-this-name")
    worker.do_next()
    assert "nothing-of-this-name" in store.get(job.id).error.message


def test_a_fault_of_the_program_fails_the_job_and_logs_nothing_of_the_input(
    store, worker, monkeypatch, caplog
):
    job = submit(store)

    def broken(*_, **__):
        raise KeyError(PROTEINS)

    monkeypatch.setattr("peft_sp.service.worker.predict_run", broken)
    worker.do_next()
    assert store.get(job.id).state == "failed"
    assert "KeyError in test_worker.py, line" in caplog.text
    assert "MKKTA" not in caplog.text + store.get(job.id).error.message


def test_a_job_may_take_so_long(store, stopping):
    store.settings.__dict__["max_seconds"] = 1e-9
    job = submit(store)
    Worker(store.settings, "worker", stopping).do_next()
    assert "took longer than" in store.get(job.id).error.message


def test_a_worker_that_is_to_end_gives_its_job_back(store, worker, stopping):
    job = submit(store)
    stopping.set()
    worker.do_next()
    assert store.get(job.id).state == "queued"
    with store.database.read() as connection:
        (failures,) = connection.execute("SELECT failures FROM jobs").fetchone()
    assert failures == 0


def test_a_job_that_is_cancelled_while_it_runs_leaves_nothing(store, worker, monkeypatch):
    job = submit(store)
    real = Leases.finish

    def cancelled_before(*of, **model):
        store.remove(job.id)
        real(*of, **model)

    monkeypatch.setattr(Leases, "finish", cancelled_before)
    worker.do_next()
    assert store.get(job.id).state == "cancelled"
    assert not (store.folder / job.id).exists()


PROCESS = """
import resource
import sys
from pathlib import Path
from peft_sp.service.settings import ServiceSettings
from peft_sp.service.worker import work
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
work(ServiceSettings(Path(sys.argv[1]), free_disk=0), sys.argv[2])
"""


def start(store, name, *largest_file):
    folder = str(store.settings.directory)
    command = [sys.executable, "-c", PROCESS, folder, name, *map(str, largest_file)]
    return subprocess.Popen(command, cwd=ROOT)


def many(copies):
    text = (ROOT / "examples" / "ecoli_300.faa").read_text()
    return "".join(text.replace(">", f">{copy}_") for copy in range(copies))


@pytest.fixture
def long_job(store, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return submit(store, fasta=many(12))


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_whose_worker_is_stopped_in_the_middle_is_done_by_another(
    store, long_job, tmp_path, kill
):
    with start(store, "one") as process:
        wait_for(lambda: store.get(long_job.id).done)
        process.send_signal(kill)
    assert process.returncode == (0 if kill == signal.SIGTERM else -kill)
    state = store.get(long_job.id).state
    assert state == ("queued" if kill == signal.SIGTERM else "running")
    reclaim(store, "one")
    Worker(store.settings, "two", threading.Event()).do_next()
    done = store.get(long_job.id)
    assert (done.state, done.done) == ("done", 3600)
    table = (done.results / "predictions.tsv").read_text().splitlines()
    assert len(table) == 3601
    assert len({line.split("\t")[0] for line in table}) == 3601


def test_a_job_for_which_there_is_no_room_waits_for_it(store, long_job):
    """As on a full disk, no file takes more than a megabyte; output.json would."""
    with start(store, "one", 1_000_000) as process:
        wait_for(lambda: store.get(long_job.id).started)
        wait_for(lambda: store.get(long_job.id).state == "queued")
        process.terminate()
    assert process.returncode == 0  # it would do other jobs
    worker = Worker(store.settings, "two", threading.Event())
    assert not worker.do_next()  # the job waits for a while
    with store.database.write() as connection:
        connection.execute("UPDATE jobs SET not_before = 0")
    assert worker.do_next()
    assert store.get(long_job.id).state == "done"


def test_a_worker_that_slept_through_its_lease_publishes_nothing(store, long_job):
    with start(store, "one") as process:
        wait_for(lambda: store.get(long_job.id).done)
        process.send_signal(signal.SIGSTOP)
        reclaim(store, "one")
        Worker(store.settings, "two", threading.Event()).do_next()
        results = files(store.get(long_job.id).results)
        process.send_signal(signal.SIGCONT)
        time.sleep(1.5)
        process.terminate()
    assert files(store.get(long_job.id).results) == results
    assert store.get(long_job.id).state == "done"
    folders = sorted(path.name for path in (store.folder / long_job.id).iterdir())
    assert folders == ["2"]
