"""A real server: what streams, and clients that are slow or leave."""

import json
import socket
import time
import urllib.request
from http.client import HTTPConnection

import pytest

from peft_sp.service.guard import connections
from tests.support.service import FASTA, JOBS, listening, serve

pytestmark = pytest.mark.integration
UPLOAD = (
    f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
    "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
).encode()
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n>a\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("running")
    with (
        serve(folder, body_seconds=0.5, max_streams_each=2, max_uploads_each=1) as served,
        listening(served) as port,
    ):
        served.port = port
        yield served


def connect(running):
    return socket.create_connection(("127.0.0.1", running.port), timeout=10)


def incoming(running):
    return list((running.settings.directory / "incoming").iterdir())


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_head_that_does_not_come_closes_the_connection(running, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    for beginning in (b"", b"GET /healthz HTTP/1.1\r\nX-Slow: "):
        with connect(running) as client:
            client.sendall(beginning)
            assert client.recv(1000) == b""
    with connect(running) as client:  # the second request of a connection too
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b'"problems":[]}'):
            answer += client.recv(10_000)
        client.sendall(b"GET /healthz HTTP")
        assert client.recv(1000) == b""


def test_a_head_that_comes_in_time_is_answered_however_long_that_takes(running, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    id = running.submit()
    with connect(running) as client:
        client.sendall(f"GET {JOBS}/{id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(0.5)
        assert b"event: job" in client.recv(10_000)
    running.client.delete(f"{JOBS}/{id}")


def test_a_client_with_too_many_connections_has_no_more(running):
    opened = [connect(running) for _ in range(connections.MOST_EACH)]
    with connect(running) as more:
        assert more.recv(1) == b""
    for client in opened:
        client.close()
    until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{running.port}/healthz").status == 200)


def test_an_upload_that_stops_is_given_up_and_leaves_nothing(running):
    with connect(running) as client:
        client.sendall(UPLOAD + PART)
        assert client.recv(10_000).startswith(b"HTTP/1.1 408")
    assert incoming(running) == []


def test_an_upload_whose_client_leaves_leaves_nothing(running):
    with connect(running) as client:
        client.sendall(UPLOAD + PART)
        until(lambda: incoming(running))
    until(lambda: not incoming(running))


def test_events_come_while_the_job_runs_and_end_with_it(running):
    id = running.submit()
    url = f"http://127.0.0.1:{running.port}{JOBS}/{id}/events"
    seen = []
    with urllib.request.urlopen(url, timeout=10) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:])["state"])
                if len(seen) == 1:
                    assert running.worker.do_next()
    assert seen[0] == "queued"
    assert seen[-1] == "done"


def test_a_client_with_too_many_streams_is_told_and_a_closed_one_counts_no_more(running):
    id = running.submit()
    request = f"GET {JOBS}/{id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with connect(running) as one, connect(running) as two, connect(running) as three:
        for client in (one, two):
            client.sendall(request)
            assert client.recv(15).startswith(b"HTTP/1.1 200")
        three.sendall(request)
        answer = three.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 10" in answer.lower()

    def is_free():
        with connect(running) as client:
            client.sendall(request)
            return client.recv(15).startswith(b"HTTP/1.1 200")

    until(is_free)
    running.client.delete(f"{JOBS}/{id}")


def test_a_client_with_too_many_uploads_is_told(running):
    with connect(running) as one:
        one.sendall(UPLOAD + PART)
        until(lambda: incoming(running))
        for url in (JOBS, "/api/v1/predict"):
            with connect(running) as two:
                two.sendall(UPLOAD.replace(JOBS.encode(), url.encode()))
                answer = two.recv(10_000)
            assert answer.startswith(b"HTTP/1.1 429")
            assert b"retry-after: 10" in answer.lower()
    until(lambda: not incoming(running))


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/api/v1/predict", "application/json", 413),
        (JOBS, "text/plain", 415),
        ("/nowhere", "text/plain", 405),
    ],
)
def test_a_client_that_sends_all_before_it_reads_has_its_answer(running, path, kind, status):
    connection = HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request("POST", path, b"x" * 30_000_000, {"Content-Type": kind})
    answer = connection.getresponse()
    assert answer.status == status
    assert json.loads(answer.read())["error"]["message"]
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200


def test_the_server_says_nothing_of_a_client(running, capfd):
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{JOBS}?MKKSECRET",
        json.dumps({"fasta": FASTA.replace("thrA", "MKKSECRET") + ">x\nMKKSECRET7\n"}).encode(),
        {"Content-Type": "application/json", "Referer": "http://MKKSECRET"},
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=10)
    assert capfd.readouterr() == ("", "")
