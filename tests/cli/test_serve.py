"""One command serves page, API and workers, says where, and ends with all it has started."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError

import pytest

from peft_sp.cli import serve
from peft_sp.errors import PeftSpError
from tests.support.commands import peft_sp
from tests.support.dockerfile import instructions, words
from tests.support.jobs import PROTEINS
from tests.support.processes import children_of, runs
from tests.support.server import Server, running
from tests.support.wall import HEAVY

pytestmark = pytest.mark.integration
JOBS = "/api/v1/jobs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("serve") / "jobs"


@pytest.fixture(scope="module")
def server(folder):
    with running(folder) as found:
        yield found


@pytest.fixture(scope="module")
def done(server):
    """The path of a job that is done."""
    path = server.ask(JOBS, {"fasta": PROTEINS, "organism": "other"})["url"]
    assert server.finished(path)["state"] == "done"
    return path


def test_a_job_is_done_and_its_table_can_be_had(server, done):
    table = server.ask(f"{done}/results/predictions.tsv").splitlines()
    assert [row.split("\t")[0] for row in table[1:]] == ["OmpA", "thrA"]
    assert server.ask("/readyz")["status"] == "ok"


def test_the_health_check_of_the_image_sees_whether_it_answers(server):
    program, *arguments, code = words(instructions()["HEALTHCHECK"][-1])
    assert (program, arguments) == ("python", ["-c"])
    for port, expected in ((server.port, 0), (1, 1)):
        command = [sys.executable, "-c", code.replace(":8000/", f":{port}/")]
        assert subprocess.run(command, capture_output=True, check=False).returncode == expected


def test_neither_server_nor_worker_loads_what_trains(server, done):
    for number in (server.process.pid, *children_of(server.process.pid)):
        maps = Path(f"/proc/{number}/maps").read_text()
        assert "onnxruntime" in maps or number == server.process.pid
        for package in ("torch", "scipy", "sklearn", "matplotlib", "safetensors"):
            assert package in HEAVY
            assert f"/{package}/" not in maps


def refused(tmp_path, **options):
    """The error with which the command ends before anything is made."""
    with pytest.raises(PeftSpError) as raised:
        serve.serve(**{"directory": tmp_path / "jobs", "port": 0, **options})
    return str(raised.value)


def test_a_port_that_is_taken_is_one_line(server, tmp_path):
    code, _, errors = peft_sp("serve", "-d", tmp_path / "jobs", "--port", server.port)
    assert code == 2
    assert errors == (
        f"peft-sp: 127.0.0.1, port {server.port}: cannot be listened on (Address already in use); "
        "choose another with --port or --host\n"
    )
    assert not (tmp_path / "jobs").exists()


def test_a_directory_that_another_server_uses_is_refused(server, folder, tmp_path):
    assert refused(tmp_path, directory=folder).startswith(f"{folder}: another server uses it")


def test_a_missing_extra_is_one_line_with_its_command(tmp_path):
    stub = tmp_path / "stub" / "fastapi.py"
    stub.parent.mkdir()
    stub.write_text("raise ModuleNotFoundError(\"No module\", name='fastapi')\n")
    search = os.pathsep.join([str(stub.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": search}
    code, output, errors = peft_sp("serve", "-d", tmp_path / "jobs", env=environment)
    assert (code, output) == (2, "")
    assert errors == (
        "peft-sp: peft-sp serve needs more packages (fastapi is missing): "
        "pip install 'peft-sp[web]'\n"
    )
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": ["nothing-like-that"]}, "model 'nothing-like-that' is neither"),
        ({"token_file": Path("/nonexistent/token")}, "/nonexistent/token: cannot be read"),
        ({"root_path": "peft-sp"}, "root path is 'peft-sp'"),
        ({"host": "256.0.0.1"}, "256.0.0.1, port 0: cannot be listened on"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path, options, problem):
    assert refused(tmp_path, **options).startswith(problem)
    assert not (tmp_path / "jobs").exists()


def test_a_signal_ends_it_and_its_workers_and_nothing_that_was_sent_is_shown_or_lost(tmp_path):
    """It does not wait for connections, and the next one does the jobs that were not done."""
    jobs = []
    server = Server(tmp_path / "jobs")
    for end in (signal.SIGINT, signal.SIGTERM):
        server.start()
        for job in jobs:
            assert server.finished(job["url"])["state"] == "done"
        workers = children_of(server.process.pid)
        for path in ("/secret-path?secret-query", "/api/v1/jobs/secret-id"):
            with pytest.raises(HTTPError):
                server.ask(path)
        fasta = ">secret-name\nMKKTAIAIAVALAGFATVAQA\n"
        jobs = [server.ask(JOBS, {"fasta": fasta}) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", server.port)):
            assert server.stop(end) == (128 + end, "", "peft-sp: stopped\n")
        assert not any(map(runs, workers))


def test_a_token_comes_from_a_file_and_the_address_shows_the_path_of_the_proxy(tmp_path):
    (tmp_path / "token").write_text("a-long-enough-token\n")
    options = ("--token-file", str(tmp_path / "token"), "--root-path", "/peft-sp")
    with running(tmp_path / "jobs", *options) as server:
        assert server.url.endswith("/peft-sp")
        with pytest.raises(HTTPError) as raised:
            server.ask("/api/v1/about")
        assert raised.value.code == 401
        about = server.ask("/api/v1/about", Authorization="Bearer a-long-enough-token")
        assert about["models"][0]["name"] == "fast"
