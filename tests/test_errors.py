"""Errors are one line that says what is wrong, where, and what to do; they carry their data."""

from __future__ import annotations

import pickle

import pytest

from peft_sp.errors import InputError, MissingExtraError, ModelError, PeftSpError, RecipeError


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


@pytest.mark.parametrize("letters", ["\n", "\x85", "\u2028", "\x1b[31m", "\udcff", "\0"])
def test_an_error_is_one_line_whatever_a_name_holds(letters):
    """A model's file may name an operator so, a directory may be called so."""
    for error in (
        ModelError(f"operator A{letters}B"),
        InputError("no residues", path=f"a{letters}b"),
        RecipeError(f"a{letters}b", ["x", f"y{letters}"]),
    ):
        assert str(error).isprintable() and letters not in str(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_recipe_error_holds_all_mistakes():
    error = RecipeError("r.toml", ["unknown option a", "b is missing"])
    assert str(error) == "r.toml: unknown option a; b is missing"
    assert error.problems == ["unknown option a", "b is missing"]


def test_what_a_file_holds_in_place_of_a_word_is_cut():
    problem = f"partition '{'7' * 5000}' is none of 0, 1, 2"
    for error in (InputError(problem), RecipeError("r.toml", [problem])):
        assert str(error).endswith(f"partition '{'7' * 59}... (5,002 letters) is none of 0, 1, 2")
    error = InputError(f"not {['1'] * 5000}; remove it")
    assert len(str(error)) < 2000 and str(error).endswith("'1']; remove it")
    error = RecipeError("r.toml", [f"unknown option k{number}" for number in range(5000)])
    assert len(error.problems) == 5000
    assert str(error).endswith("unknown option k19; and 4,980 more")


def test_a_missing_extra_names_the_command_that_installs_it():
    text = str(MissingExtraError("training", "train", "torch"))
    assert text == "training needs more packages (torch is missing): pip install 'peft-sp[train]'"
    assert str(MissingExtraError("x", "web")) == "x needs more packages: pip install 'peft-sp[web]'"


def test_every_error_is_caught_as_one():
    for error in (InputError("x"), RecipeError("x", []), MissingExtraError("x", "web")):
        assert isinstance(error, PeftSpError)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
