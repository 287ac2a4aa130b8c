import errno
import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest

from peft_sp.io.registry import lookup
from peft_sp.service.api.jobs import command
from peft_sp.service.job import Job, Upload
from peft_sp.version import __version__
from tests.support.service import FASTA, JOBS, OMPA, serve


def error(answer):
    return answer.status_code, answer.json()["error"]


def test_a_job_is_taken_done_and_described(service):
    service.work()
    answer = service.client.post(JOBS, json={"fasta": FASTA, "organism": "other"})
    job = answer.json()
    assert answer.status_code == 202
    assert job.keys() == {"id", "state", "url", "expires"}
    assert len(job["id"]) == 22
    assert answer.headers["Location"] == job["url"] == f"{JOBS}/{job['id']}"

    waiting = service.get(job["url"]).json()
    assert (waiting["state"], waiting["ahead"], waiting["files"]) == ("queued", 0, [])
    assert waiting["model"] == {"name": "fast", "version": None, "hash": None}
    assert waiting["progress"] == {"done": 0, "total": 2, "rate": None, "remaining": None}
    service.work()
    done = service.get(job["url"]).json()
    assert (done["state"], done["counts"]["SP"], done["counts"]["NO_SP"]) == ("done", 1, 1)
    assert (done["organism"], done["unusable"], done["error"]) == ("other", 0, None)
    assert (done["progress"]["done"], done["progress"]["total"]) == (2, 2)
    digest = lookup.fingerprint(lookup.locate("fast"))
    assert done["model"] == {"name": "fast", "version": __version__, "hash": digest}
    assert done["command"].startswith("peft-sp predict input.fasta -o results")
    times = [datetime.fromisoformat(done[name]) for name in ("submitted", "started", "finished")]
    assert times == sorted(times)
    assert (datetime.fromisoformat(done["expires"]) - times[-1]).days in (6, 7)
    assert {"predictions.tsv", "predictions.gff3", "summary.html"} <= {
        file["name"] for file in done["files"]
    }
    for file in done["files"]:
        assert len(service.get(file["url"]).content) == file["bytes"]


def test_files_of_a_form_are_one_input_and_keep_their_names(service):
    packed = gzip.compress(f">b\n{OMPA}\n".encode())
    answer = service.client.post(
        JOBS,
        files=[
            ("files", ("one file.faa", FASTA.encode())),
            ("files", ("two.faa.gz", packed)),
            ("organism", (None, "eukarya")),
        ],
    )
    assert answer.status_code == 202, answer.text
    service.work()
    url = answer.json()["url"]
    rows = service.get(f"{url}/results").json()["predictions"]
    assert [row["file"] for row in rows] == ["one file.faa", "one file.faa", "two.faa.gz"]
    assert {row["organism"] for row in rows} == {"eukarya"}


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
def test_an_error_stands_at_its_line(service, form):
    fasta = FASTA + ">bad one\nMKV\nMK7\n"
    if form:
        answer = service.client.post(JOBS, files={"files": ("mine.faa", fasta)})
    else:
        answer = service.client.post(JOBS, json={"fasta": fasta})
    assert error(answer) == (
        422,
        {
            "message": "'7' at residue 6 is no amino acid; remove the numbers",
            "line": 5,
            "record": "bad",
            "file": "mine.faa" if form else None,
        },
    )
    assert not any((service.settings.directory / "incoming").iterdir())


def test_records_that_cannot_be_predicted_are_left_out_where_that_is_asked_for(service):
    url = service.done(FASTA + ">bad\nMK7\n", skip_invalid=True)
    job = service.get(url).json()
    assert (job["unusable"], sum(job["counts"].values())) == (1, 2)
    assert [(one["line"], one["record"], one["file"]) for one in job["skipped"]] == [
        (5, "bad", None)
    ]
    assert "--skip-invalid" in job["command"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "fasta: Field required"),
        ({"fasta": ""}, "fasta: String should have at least 1 character"),
        ({"fasta": FASTA, "organism": "mars"}, "organism: Input should be 'auto', 'eukarya' or"),
        ({"fasta": FASTA, "model": "../etc"}, "there is no such model here; choose fast"),
        ({"fasta": FASTA, "compare": "none"}, "there is no such model here; choose fast"),
        ({"fasta": FASTA, "compare": "fast"}, "compare: give a second model, not the same"),
        ({"fasta": FASTA, "path": "/etc/passwd"}, "path: Extra inputs are not permitted"),
        ({"fasta": "no fasta"}, "not FASTA"),
        ({"fasta": 7}, "fasta: Input should be a valid string"),
        ([], "Input should be an object"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(service, body, problem):
    status, found = error(service.client.post(JOBS, json=body))
    assert status == 422
    assert problem in found["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b'{"fasta": "\\ud800"}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (FASTA.encode(), "text/plain", 415),
        (FASTA.encode(), "", 415),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        (b"", "multipart/form-data", 400),
    ],
)
def test_a_body_of_another_form_is_refused(service, content, kind, status):
    answer = service.client.post(JOBS, content=content, headers={"Content-Type": kind})
    assert error(answer)[0] == status


def test_a_client_with_too_many_jobs_is_told_when_to_come_back(tmp_path):
    with serve(tmp_path, max_jobs=1) as served:
        served.submit()
        answer = served.client.post(JOBS, json={"fasta": FASTA})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "try again in" in answer.json()["error"]["message"]
        assert not any((tmp_path / "incoming").iterdir())


def test_a_text_that_is_too_large_is_refused(tmp_path):
    with serve(tmp_path, max_text_bytes=1000) as served:
        answer = served.client.post(JOBS, json={"fasta": FASTA + "A" * 1000})
        assert error(answer)[0] == 413
        assert not any((tmp_path / "incoming").iterdir())


def test_a_full_disk_is_no_fault_and_leaves_nothing(service, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        answer = service.client.post(JOBS, json={"fasta": FASTA})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "the disk of the server is full" in answer.json()["error"]["message"]
    assert not any((service.settings.directory / "incoming").iterdir())


def test_a_large_job_with_an_error_fails_with_the_same_error(service, monkeypatch):
    monkeypatch.setattr("peft_sp.service.input.check.AT_ONCE", 10)
    fasta = FASTA + ">bad one\nMK7\n"
    url = service.client.post(JOBS, files={"files": ("mine.faa", fasta)}).json()["url"]
    service.work()
    job = service.get(url).json()
    assert job["state"] == "failed"
    assert job["error"] == {
        "message": "'7' at residue 3 is no amino acid; remove the numbers",
        "line": 5,
        "record": "bad",
        "file": "mine.faa",
    }
    assert error(service.get(f"{url}/results")) == (409, job["error"])


def test_a_large_job_beyond_a_limit_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("peft_sp.service.input.check.AT_ONCE", 10)
    with serve(tmp_path, max_records=1) as served:
        job = served.get(served.done()).json()
        assert job["state"] == "failed"
        assert job["error"]["message"] == "more than 1 record; send them as several jobs"
        assert job["error"]["line"] == 3


def test_a_job_that_waits_is_cancelled_and_one_that_is_done_is_removed(service, done):
    url = f"{JOBS}/{service.submit()}"
    assert service.client.delete(url).status_code == 204
    assert service.get(url).json()["state"] == "cancelled"
    assert error(service.get(f"{url}/results"))[0] == 409
    url = service.done()
    assert service.client.delete(url).status_code == 204
    assert service.get(url).status_code == 404
    assert service.get(f"{url}/results").status_code == 404
    assert service.client.delete(url).status_code == 404


@pytest.mark.parametrize("id", ["x", "%2e%2e", "..%2f..%2fetc", "a" * 5000, "%00", "é"])
def test_an_id_of_no_job_is_nothing(service, id):
    for rest in ("", "/events", "/results", "/view", "/results/predictions.tsv"):
        assert service.get(f"{JOBS}/{id}{rest}").status_code == 404


def test_events_follow_a_job_until_it_is_over(service):
    url = service.done()
    with service.client.stream("GET", f"{url}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line and not line.startswith(":")]
    assert lines[0] == "event: job"
    assert json.loads(lines[1].removeprefix("data: ")) == service.get(url).json()
    assert service.get(f"{JOBS}/none/events").status_code == 404


def test_a_command_quotes_what_a_shell_would_understand(tmp_path):
    job = Job(
        *("id", "client", "done", 0.0, 0.0, "auto", "fast", None, False),
        *(
            (Upload("my proteins; rm -rf.faa", tmp_path), Upload("-o", tmp_path)),
            tmp_path,
            tmp_path,
        ),
    )
    assert command(job) == (
        "peft-sp predict 'my proteins; rm -rf.faa' ./-o -o results "
        "--organism auto --model fast --summary --fasta"
    )
