from peft_sp.errors import InputError, ModelError
from peft_sp.service.job import Problem


def test_a_problem_has_the_clients_name_of_a_file_and_never_its_path():
    error = InputError("no residues", path="/data/jobs/x/1.faa", line=3, record="a")
    assert Problem.of(error, {"/data/jobs/x/1.faa": "mine.faa"}) == Problem(
        "no residues", 3, "a", "mine.faa"
    )
    assert Problem.of(error) == Problem("no residues", 3, "a", None)


def test_an_error_that_is_not_of_the_input_is_its_text():
    assert Problem.of(ModelError("no such model")) == Problem("no such model")
