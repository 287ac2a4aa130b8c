import pytest

import peft_sp
from peft_sp.io.writers import scans
from tests.support.service import JOBS, OMPA, THRA, serve

HEADER = "OmpA OS=Homo sapiens"
FASTA = f">thrA\n{THRA}\n>{HEADER}\n{OMPA}\n"


def test_a_scan_of_a_job_s_protein_is_that_of_the_command(service):
    url = service.done(FASTA)
    answer = service.get(f"{url}/scan/1")
    assert answer.status_code == 200, answer.text
    rows = answer.json()
    (expected,) = peft_sp.scan((HEADER, OMPA), "eukarya")
    for row, wanted in zip(rows, scans.rows(expected), strict=True):
        assert row == pytest.approx(wanted, abs=1e-6)
    assert len(rows) == 1 + 19 * len(OMPA) and {row["type"] for row in rows} <= {"NO_SP", "SP"}
    assert "immutable" in answer.headers["Cache-Control"]
    known = {"If-None-Match": answer.headers["ETag"]}
    assert service.client.get(f"{url}/scan/1", headers=known).status_code == 304
    for number in (2, 2**31):
        assert service.get(f"{url}/scan/{number}").status_code == 404
    for number in ("-1", "x", 2**40):
        assert service.get(f"{url}/scan/{number}").status_code == 422


def test_a_header_of_megabytes_is_not_in_every_row(service):
    url = service.done(f">{'a' * 2_000_000} OS=Homo sapiens\nMKKTAIAIAV\n")
    answer = service.get(f"{url}/scan/0")
    rows = answer.json()
    assert {row["id"] for row in rows} == {"a" * 1000} and len(rows) == 191


def test_a_client_has_a_scan_or_two_at_a_time_and_all_have_a_few(tmp_path):
    with serve(tmp_path, max_scans=2, max_scans_each=1) as served:
        url = served.done(">a\nMKKTAIAIAV\n", organism="other")
        places = served.client.app.state.service.scans
        with places.taken("192.0.2.7"):
            answer = served.get(f"{url}/scan/0")
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
            assert "you have too many scans open" in answer.json()["error"]["message"]
        with places.taken("192.0.2.8"), places.taken("192.0.2.9"):
            assert served.get(f"{url}/scan/0").status_code == 503
        assert served.get(f"{url}/scan/0").status_code == 200
        assert len(places) == 0


def test_a_scan_ends_when_its_time_is_over(tmp_path):
    with serve(tmp_path, max_scan_seconds=1e-6) as served:
        answer = served.get(f"{served.done(organism='other')}/scan/0")
        assert answer.status_code == 422
        assert "longer than 1e-06 seconds" in answer.json()["error"]["message"]
        assert served.get(f"{JOBS}/{served.submit()}/scan/0").status_code == 409
