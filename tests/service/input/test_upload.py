import asyncio
import re
from http.client import HTTPConnection
from pathlib import Path

import pytest
from fastapi import HTTPException

from peft_sp.service.input.upload import keep_text, receive_form
from peft_sp.service.job import LimitError
from peft_sp.service.settings import GB, ServiceSettings
from tests.support.server import running

KIND = "multipart/form-data; boundary=XX"


def part(name, content, filename=None):
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def receive(staged, *parts, size=7, end=b"--XX--\r\n", kind=KIND, **options):
    body = b"".join(parts) + end

    async def pieces():
        for start in range(0, len(body), size):
            yield body[start : start + size]

    settings = ServiceSettings(staged, **{"free_disk": 0, **options})
    return asyncio.run(receive_form(pieces(), kind, staged, settings))


def test_a_form_is_its_fields_and_its_files(tmp_path):
    received = receive(
        tmp_path,
        part("organism", b"eukarya"),
        part("files", b">a\r\nMK\r\n", "a.faa"),
        part("files", b">b\nMK\n--XX", "b.faa"),
    )
    assert received.fields == {"organism": "eukarya"}
    assert [upload.name for upload in received.uploads] == ["a.faa", "b.faa"]
    assert [upload.path.read_bytes() for upload in received.uploads] == [
        b">a\r\nMK\r\n",
        b">b\nMK\n--XX",
    ]


def test_text_of_a_form_is_kept_as_a_file_too(tmp_path):
    (upload,) = receive(tmp_path, part("fasta", b">a\nMK\n")).uploads
    assert (upload.name, upload.path.read_bytes()) == ("", b">a\nMK\n")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\\\data\\\\mine.faa", "mine.faa"),
        ("/absolute", "absolute"),
        ("a\tb\x1b[31m.faa", "a\\tb\\x1b[31m.faa"),
        ("\u202eaa.faa", "\\u202eaa.faa"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_a_clients_name_of_a_file_is_no_path(tmp_path, given, shown):
    (upload,) = receive(tmp_path, part("files", b">a\nMK\n", given)).uploads
    assert upload.path == tmp_path / "1.fasta"
    assert upload.name == shown


def test_a_file_whose_name_is_not_understood_is_one_all_the_same(tmp_path):
    (upload,) = receive(tmp_path, part("files", b">a\nMK\n" * 500)).uploads
    assert (upload.name, upload.path.stat().st_size) == ("", 3000)


def test_a_field_that_a_browser_left_empty_is_no_file(tmp_path):
    received = receive(tmp_path, part("files", b"", ""), part("fasta", b">a\nMK\n"))
    assert [upload.path.name for upload in received.uploads] == ["2.fasta"]


@pytest.mark.parametrize(
    ("parts", "status", "problem"),
    [
        ([part("files", b"x", "a")] * 3, 413, "more than 2 files"),
        ([part(f"f{n}", b"x") for n in range(21)], 413, "more than 20 fields"),
        ([part("organism", b"x" * 1001)], 413, "a field of more than 1,000 bytes"),
        ([part("organism", b"x")] * 2, 422, "stands twice"),
        ([part("others", b"x", "a")], 422, "sent as 'files'"),
        ([b"nonsense\r\n"], 400, "no form"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(tmp_path, parts, status, problem):
    with pytest.raises(HTTPException, match=problem) as found:
        receive(tmp_path, *parts, max_files=2)
    assert found.value.status_code == status


def test_a_form_that_is_cut_off_is_none(tmp_path):
    with pytest.raises(HTTPException, match="ends before its last part"):
        receive(tmp_path, part("files", b">a\nMK\n", "a"), end=b"")
    with pytest.raises(HTTPException, match="no boundary"):
        receive(tmp_path, kind="multipart/form-data")


def test_nothing_is_written_where_the_disk_is_full(tmp_path):
    with pytest.raises(LimitError, match="disk of the server is full") as found:
        receive(tmp_path, part("files", b">a\nMK\n", "a"), free_disk=10**9 * GB)
    assert found.value.everyone
    assert (tmp_path / "1.fasta").read_bytes() == b""


def test_text_that_is_no_unicode_is_kept_readable(tmp_path):
    assert keep_text(tmp_path, ">a\ud800\nMK\n").path.read_bytes() == b">a?\nMK\n"


def peak(process):
    """The most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def send(server, megabytes, number):
    """Send a form with a file of a size; the status."""
    record = f">p{number}\n".encode() + b"M" + b"ACDEFGHIKLNPQRSTVWYL" * 20 + b"\n"
    file = record * (megabytes * 1_000_000 // len(record))
    connection = HTTPConnection("127.0.0.1", server.port)
    body = part("files", file, "large.faa") + b"--XX--\r\n"
    del file
    connection.request("POST", "/api/v1/jobs", body, {"Content-Type": KIND})
    return connection.getresponse().status


@pytest.mark.slow
@pytest.mark.integration
def test_a_large_upload_takes_no_more_memory_than_a_small_one(tmp_path):
    with running(tmp_path / "jobs") as server:
        assert send(server, 9, 1) == 202  # is looked at at once
        before = peak(server.process)
        assert send(server, 200, 2) == 202
        grown = peak(server.process) - before
    print(f"{before:.0f} MB, {grown:.1f} MB more for 200 MB")
    assert grown < 20
