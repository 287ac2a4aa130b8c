from tests.support.service import JOBS


def test_a_job_that_is_not_done_has_no_results(service):
    id = service.submit()
    for rest in ("results", "view", "compare", "results/predictions.tsv", "view/0/rows"):
        answer = service.get(f"{JOBS}/{id}/{rest}")
        assert answer.status_code == 409
        assert answer.json()["error"]["message"] == "the job is queued, and has no results"
    service.client.delete(f"{JOBS}/{id}")
