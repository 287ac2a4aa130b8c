import json
from itertools import cycle

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from peft_sp.service.guard.protection import HEADERS
from tests.support.service import JOBS, serve


def test_every_kind_of_answer_has_the_headers_that_protect_it(service, done):
    answers = [
        service.get("/healthz"),
        service.get("/no/such/thing"),
        service.get(done),
        service.get(f"{done}/results", format="tsv"),
        service.get(f"{JOBS}/none"),
        service.client.post(JOBS, content=b"x"),
        service.client.put(JOBS),
    ]
    assert [one.status_code for one in answers] == [200, 404, 200, 200, 404, 415, 405]
    for answer in answers:
        for name in HEADERS.keys() - {"Content-Security-Policy"}:
            assert answer.headers[name] == HEADERS[name]
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_every_error_has_the_same_form(service):
    for answer in (
        service.get("/no/such/thing"),
        service.client.put(JOBS),
        service.get(f"{JOBS}/x"),
    ):
        assert answer.json().keys() == {"error"}
        assert answer.json()["error"].keys() == {"message", "line", "record", "file"}


def test_the_description_has_examples_and_every_route(service):
    described = service.get("/openapi.json").json()
    assert described["info"]["title"] == "PEFT-SP"
    assert {
        *(f"{JOBS}{rest}" for rest in ("", "/{id}", "/{id}/events", "/{id}/results")),
        *(f"{JOBS}/{{id}}/{rest}" for rest in ("results/{file}", "view", "compare")),
        f"{JOBS}/{{id}}/scan/{{number}}",
        *("/api/v1/about", "/api/v1/predict", "/healthz", "/readyz", "/metrics"),
    } <= described["paths"].keys()
    body = described["paths"][JOBS]["post"]["requestBody"]["content"]
    assert body["application/json"]["examples"]["pasted"]["value"]["fasta"].startswith(">")
    assert "$defs" not in json.dumps(described)


def test_pages_of_other_servers_may_use_it_only_where_they_are_named(tmp_path, service):
    asking = {"Origin": "https://lab.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in service.client.options(JOBS, headers=asking).headers
    with serve(tmp_path, origins=("https://lab.example",)) as named:
        allowed = named.client.options(JOBS, headers=asking)
        assert allowed.headers["access-control-allow-origin"] == "https://lab.example"
        other = named.client.options(JOBS, headers={**asking, "Origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


NOT_CHECKED = [schemathesis.checks.positive_data_acceptance]
"""A text that the description allows need not be FASTA."""


def check_described(tmp_path, examples):
    """Send what the description allows, and what it does not: answers are as described, no 5xx."""
    with serve(tmp_path, max_jobs=10_000, host="0.0.0.0") as served:  # any name is right
        done = served.done(organism="other")
        description = schemathesis.openapi.from_asgi("/openapi.json", served.client.app)
        for found in description.exclude(path="/readyz").get_all_operations():
            check_operation(found.ok(), done, examples)


def check_operation(operation, done, examples):
    known = cycle((True, True, False))

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def check(case):
        if "id" in case.path_parameters and case.method != "DELETE" and next(known):
            case.path_parameters["id"] = done.rpartition("/")[2]
        case.validate_response(case.call(), excluded_checks=NOT_CHECKED)

    check()


def test_every_answer_is_as_described(tmp_path):
    check_described(tmp_path, examples=8)


@pytest.mark.slow
def test_every_one_of_many_answers_is_as_described(tmp_path):
    check_described(tmp_path, examples=300)
