import pytest
from prometheus_client.parser import text_string_to_metric_families

from peft_sp.service.settings import GB
from tests.support.service import JOBS, serve


def numbers(service):
    families = text_string_to_metric_families(service.get("/metrics").text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_service_is_ready_when_a_worker_lives(tmp_path):
    with serve(tmp_path) as served:
        assert served.get("/healthz").json() == {"status": "ok", "problems": []}
        assert served.client.head("/healthz").status_code == 200
        answer = served.get("/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (
            503,
            ["no worker gives a sign of life"],
        )
        served.done()
        assert served.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("free_disk", 10**9 * GB, "the disk is full"),
        ("max_disk", 1, "the jobs take all the room that they may"),
    ],
)
def test_a_service_without_room_is_not_ready(tmp_path, option, value, problem):
    with serve(tmp_path) as served:
        served.done()
    with serve(tmp_path, **{option: value}) as served:
        assert served.get("/readyz").json()["problems"] == [problem]
        assert served.client.post(JOBS, json={"fasta": ">a\nMK\n"}).status_code == 503


def test_numbers_are_of_operations_and_never_of_paths(tmp_path):
    with serve(tmp_path) as served:
        url = served.done()
        served.submit()
        served.get(url)
        served.get("/no/such/MKKSECRET")
        found = numbers(served)
        assert found["peft_sp_jobs", "done"] == found["peft_sp_jobs", "queued"] == 1
        assert found["peft_sp_requests_total", "submit", "202"] == 2
        assert found["peft_sp_requests_total", "job", "200"] == 1
        assert found["peft_sp_jobs_bytes",] > 1000
        assert found["peft_sp_worker_seen_seconds",] < 60
        text = served.get("/metrics").text
        assert "SECRET" not in text
        assert url not in text
