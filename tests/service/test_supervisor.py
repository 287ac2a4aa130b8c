"""Workers are started again when they end, and end with the server."""

import os
import signal
import subprocess
import sys

import pytest

from peft_sp.errors import OutputError
from peft_sp.service import jobs, supervisor
from peft_sp.service.supervisor import Supervisor
from tests.support.jobs import store_in, submit
from tests.support.paths import ROOT
from tests.support.processes import children_of, runs, wait_for

pytestmark = pytest.mark.integration


def test_what_has_expired_is_removed_while_the_server_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_TIDIES_EVERY", 0.2)
    store = store_in(tmp_path, kept_days=1e-6)
    with Supervisor(store.settings):
        job = submit(store)
        folder = store.folder / job.id
        assert folder.exists()
        # Earlier, it would be taken from under a submission that is under way.
        monkeypatch.setattr(jobs, "_ABANDONED", 0)
        wait_for(lambda: not folder.exists())
    assert store.get(job.id) is None
    store.close()


def test_jobs_are_done_also_where_a_worker_is_killed_and_all_end_with_the_server(tmp_path):
    store = store_in(tmp_path)
    before = children_of()
    with Supervisor(store.settings):
        job = submit(store)
        wait_for(lambda: store.get(job.id).state == "done")
        (worker,) = children_of() - before
        os.kill(worker, signal.SIGKILL)
        job = submit(store)
        wait_for(lambda: store.get(job.id).state == "done")
        with pytest.raises(OutputError, match="another server uses it"), Supervisor(store.settings):
            pass
    assert children_of() <= before
    store.close()


SERVER = """
import sys, time
from pathlib import Path
from peft_sp.service.settings import ServiceSettings
from peft_sp.service.supervisor import Supervisor
with Supervisor(ServiceSettings(Path(sys.argv[1]), free_disk=0, workers=2)):
    print("there", flush=True)
    time.sleep(600)
"""


def start(store):
    command = [sys.executable, "-c", SERVER, str(store.settings.directory)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    return process


def test_a_server_that_is_killed_takes_its_workers_with_it_and_the_next_does_their_jobs(tmp_path):
    store = store_in(tmp_path)
    ids = {submit(store).id for _ in range(12)}
    for _ in range(2):
        with start(store) as server:
            before = store.counts()["done"]
            wait_for(lambda before=before: store.counts()["done"] >= before + 3)
            alive = children_of(server.pid)
            assert len(alive) == 2
            server.kill()
        wait_for(lambda alive=alive: not any(map(runs, alive)))
    with start(store) as server:
        wait_for(lambda: store.counts()["done"] == 12)
        server.terminate()
    for id in ids:
        job = store.get(id)
        assert len((job.results / "predictions.tsv").read_text().splitlines()) == 3
        assert [path.name for path in job.results.parent.parent.iterdir()] == [
            job.results.parent.name
        ]
    store.close()
