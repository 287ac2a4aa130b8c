from fastapi import FastAPI
from fastapi.testclient import TestClient

from peft_sp.errors import OutputError
from peft_sp.service.api.answers import ProblemError, answer_errors
from peft_sp.service.job import LimitError, Problem


def answer(error):
    app = FastAPI()
    answer_errors(app)

    @app.get("/")
    def fail():
        raise error

    return TestClient(app).get("/")


def test_a_limit_says_when_to_come_back_and_whose_it_is():
    mine, all_ = (answer(LimitError("too much", 7, everyone)) for everyone in (False, True))
    assert (mine.status_code, all_.status_code) == (429, 503)
    assert mine.headers["Retry-After"] == "7"
    assert mine.json()["error"]["message"] == "too much; try again in 7 seconds"


def test_a_problem_has_its_place():
    found = answer(ProblemError(422, Problem("no", 3, "a", "mine.faa")))
    assert found.status_code == 422
    assert found.json() == {
        "error": {"message": "no", "line": 3, "record": "a", "file": "mine.faa"}
    }


def test_troubles_of_the_server_are_not_for_clients(caplog):
    found = answer(OutputError("/srv/secret: cannot be written"))
    assert found.status_code == 503
    assert "secret" not in found.text
    assert "/srv/secret: cannot be written" in caplog.text
