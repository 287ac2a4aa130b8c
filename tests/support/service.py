"""A service for tests: its application, its store, and a worker that does jobs when asked."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import uvicorn
from fastapi.testclient import TestClient

from peft_sp.service.app import create_app
from peft_sp.service.guard.connections import server_options
from peft_sp.service.jobs import JobStore
from peft_sp.service.settings import ServiceSettings
from peft_sp.service.worker import Worker

OMPA = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGA"
THRA = "MRVLKFGGTSVANAERFLRVADILESNARQGQVATVLSAPAKITNHLVAMIEKTISGQDA"
FASTA = f">OmpA outer membrane protein A\n{OMPA}\n>thrA\n{THRA}\n"
JOBS = "/api/v1/jobs"


@dataclass
class Served:
    """A service; client: of its application."""

    settings: ServiceSettings
    store: JobStore
    client: TestClient

    @cached_property
    def worker(self):
        return Worker(self.settings, "worker", threading.Event())

    def submit(self, fasta=FASTA, **options):
        answer = self.client.post(JOBS, json={"fasta": fasta, **options})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def done(self, fasta=FASTA, **options):
        """The URL of a job that is done."""
        url = f"{JOBS}/{self.submit(fasta, **options)}"
        self.work()
        return url

    def work(self):
        """Do all jobs that wait."""
        while self.worker.do_next():
            pass

    def get(self, url, **query):
        return self.client.get(url, params=query)


@contextmanager
def serve(directory, **options):
    settings = ServiceSettings(directory, **{"free_disk": 0, **options})
    store = JobStore(settings)
    with TestClient(
        create_app(settings, store), "http://localhost", client=("192.0.2.7", 4000)
    ) as client:
        yield Served(settings, store, client)
    store.close()


@contextmanager
def listening(served):
    """The port of a real server, as `peft-sp serve` runs it."""
    app = create_app(served.settings, served.store)
    options = {**server_options(served.settings), "port": 0}
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def working(directory):
    """Where a real server with a worker answers."""
    with serve(directory) as served, listening(served) as port:
        over = threading.Event()

        def work():
            while not over.wait(0.05):
                served.work()

        worker = threading.Thread(target=work)
        worker.start()
        yield f"http://127.0.0.1:{port}"
        over.set()
        worker.join()
