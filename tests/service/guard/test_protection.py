import base64
import logging

import pytest
from starlette.testclient import TestClient

from peft_sp.service.guard.protection import Guarded
from tests.support.service import FASTA, JOBS, serve

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("locked"), token=TOKEN) as served:
        yield served


def basic(password):
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (None, 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        ("Bearer another-token-of-it", 401),
        (TOKEN, 401),
        ("Bearer é", 401),
        (basic(TOKEN), 200),
        (basic("another"), 401),
        ("Basic ????", 401),
    ],
)
def test_a_token_is_wanted_for_all_but_the_health(locked, given, status):
    headers = {} if given is None else {"Authorization": given.encode()}
    for path in ("/api/v1/about", "/metrics", "/robots.txt"):
        answer = locked.client.get(path, headers=headers)
        assert answer.status_code == status
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert locked.client.get("/healthz", headers=headers).status_code == 200


def test_the_description_says_that_a_token_is_wanted(locked, service):
    shown = {"Authorization": f"Bearer {TOKEN}"}
    described = locked.client.get("/openapi.json", headers=shown).json()
    (scheme,) = described["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "401" in described["paths"][JOBS]["post"]["responses"]
    assert "securitySchemes" not in service.get("/openapi.json").json()["components"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Origin": "http://localhost"}, 202),
        ({"Origin": "https://bad.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "bad.example:8000", "Origin": "http://bad.example:8000"}, 403),
        ({"Origin": "https://bad.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://seen.example", "Sec-Fetch-Site": "same-origin"}, 202),
        ({"Origin": "https://bad.example", "X-Forwarded-Host": "bad.example"}, 403),
    ],
)
def test_the_page_of_another_server_cannot_send_a_job(service, headers, status):
    answer = service.client.post(JOBS, files={"fasta": (None, FASTA)}, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("lab.localhost", 200),
        ("bad.example:8000", 403),
        ("127.0.0.1.bad.example", 403),
        ("[::1", 403),
        ("192.0.2.1", 403),
    ],
)
def test_a_service_of_this_machine_is_no_page_s_whose_name_leads_here(service, host, status):
    answer = service.client.get("/api/v1/about", headers={"Host": host})
    assert answer.status_code == status


def test_a_service_of_the_network_has_any_name(tmp_path):
    with serve(tmp_path, host="0.0.0.0") as served:
        answer = served.client.get("/api/v1/about", headers={"Host": "lab.example"})
        assert answer.status_code == 200


def test_behind_a_proxy_the_pages_own_address_is_the_one_that_the_proxy_had(tmp_path):
    with serve(tmp_path, proxy_headers=True) as served:
        headers = {"Origin": "https://lab.example", "X-Forwarded-Host": "lab.example"}
        answer = served.client.post(JOBS, json={"fasta": FASTA}, headers=headers)
        assert answer.status_code == 202


@pytest.mark.parametrize("seen", ["/tools/sp", ""], ids=["path kept", "path left out"])
def test_a_proxy_shows_it_under_a_path(tmp_path, seen):
    with serve(tmp_path, root_path="/tools/sp") as served:
        answer = served.client.post(f"{seen}{JOBS}", json={"fasta": FASTA})
        url = answer.json()["url"]
        assert url == answer.headers["Location"] == f"/tools/sp{JOBS}/{answer.json()['id']}"
        assert served.client.get(url).json()["state"] == "queued"
        assert served.client.get(f"{seen}/robots.txt").status_code == 200
        bare = served.client.get("/tools/sp", follow_redirects=False)
        assert (bare.status_code, bare.headers["Location"]) == (307, "/tools/sp/")


def test_a_failure_is_logged_without_a_word_of_the_request(caplog):
    secret = "SECRET" + "MKK"

    async def fails(scope, receive, send):
        raise ValueError(secret)

    with caplog.at_level(logging.ERROR):
        answer = TestClient(Guarded(fails)).get("/secret-path")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the server made a mistake"
    assert "ValueError" in caplog.text
    assert "in fails" in caplog.text
    assert secret not in caplog.text + answer.text
    assert "secret-path" not in caplog.text
