import pytest

from tests.support.service import FASTA, OMPA, THRA, serve

URL = "/api/v1/predict"
TWO = [
    {"id": "OmpA outer membrane protein A", "sequence": OMPA},
    {"id": "thrA", "sequence": THRA},
]


def test_a_few_sequences_are_predicted_as_a_job_predicts_them(service, done):
    answer = service.client.post(URL, json={"sequences": TWO, "organism": "other"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == service.get(f"{done}/results").json()["predictions"]


@pytest.mark.parametrize(
    ("body", "problem", "record"),
    [
        ({"sequences": []}, "sequences: List should have at least 1 item", None),
        ({"sequences": TWO * 51}, "more than 100 sequences; send them as a job", None),
        ({"sequences": TWO, "model": "none"}, "there is no such model here; choose fast", None),
        (
            {"sequences": [TWO[0], {"id": "b", "sequence": "MK7"}]},
            "'7' at residue 3 is no amino acid; remove the numbers",
            "b",
        ),
        ({"sequences": [{"id": "b", "sequence": ""}]}, "the record has no residues", "b"),
        (
            {"sequences": [{"id": "b", "sequence": "M" * 100_001}]},
            "too long; 100,000 letters are the most that is taken here",
            "b",
        ),
        ({"sequences": [{"id": "b"}]}, "sequences.0.sequence: Field required", None),
    ],
)
def test_what_is_wrong_is_said(service, body, problem, record):
    answer = service.client.post(URL, json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert problem in error["message"]
    assert error["record"] == record


def test_only_json_is_taken(service):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = service.client.post(URL, content=FASTA, headers={"Content-Type": kind})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"{",
        b"\xff",
        b'{"sequences": [{"id": "\\ud800", "sequence": "M"}]}',
        b'{"sequences": ' + b"9" * 10_000 + b"}",
        b'{"sequences": NaN}',
    ],
)
def test_no_json_is_too_odd(service, body):
    answer = service.client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]


def test_a_body_that_is_too_large_is_refused(tmp_path):
    with serve(tmp_path, max_text_bytes=100) as served:
        assert served.client.post(URL, json={"sequences": TWO}).status_code == 413
