"""Errors are one line that says what is wrong, where, and what to do; they carry their data."""

from __future__ import annotations

import pickle

import pytest

from peft_sp.errors import InputError, MissingExtraError, PeftSpError, RecipeError


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({}, "no residues"),
        ({"path": "a.faa"}, "a.faa: no residues"),
        ({"path": "-", "line": 3}, "standard input, line 3: no residues"),
        ({"path": "a.faa", "line": 3, "record": "p"}, "a.faa, line 3, record 'p': no residues"),
        ({"record": "p" * 99}, f"record '{'p' * 60}...': no residues"),
    ],
)
def test_an_input_error_says_where(where, text):
    error = InputError("no residues", **where)
    assert str(error) == text
    assert error.problem == "no residues"
    for name in ("path", "line", "record"):
        assert getattr(error, name) == where.get(name)


def test_a_recipe_error_holds_all_mistakes():
    error = RecipeError("r.toml", ["unknown option a", "b is missing"])
    assert str(error) == "r.toml: unknown option a; b is missing"
    assert error.problems == ["unknown option a", "b is missing"]


def test_a_missing_extra_names_the_command_that_installs_it():
    text = str(MissingExtraError("training", "train", "torch"))
    assert text == "training needs more packages (torch is missing): pip install 'peft-sp[train]'"
    assert str(MissingExtraError("x", "web")) == "x needs more packages: pip install 'peft-sp[web]'"


def test_every_error_is_caught_as_one():
    for error in (InputError("x"), RecipeError("x", []), MissingExtraError("x", "web")):
        assert isinstance(error, PeftSpError)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
