"""Names that stay apart."""

from __future__ import annotations

from peft_sp.io.writers.names import FreeNames


def test_names_stay_apart():
    free = FreeNames()
    names = ["twin", "twin", "twin_2", "twin", "other"]
    assert [free(name) for name in names] == ["twin", "twin_2", "twin_2_2", "twin_3", "other"]


def test_many_equal_names_take_no_longer_each():
    free = FreeNames()
    assert len({free("same") for _ in range(20_000)}) == 20_000


def test_names_that_differ_in_case_only_are_one_to_a_file_system():
    free = FreeNames(fold=True)
    assert [free(name) for name in ["Twin", "twin", "TWIN_2"]] == ["Twin", "twin_2", "TWIN_2_2"]


def test_a_name_that_comes_later_is_not_given_away():
    free = FreeNames(taken={"twin", "twin_2"}.__contains__)
    assert [free(name) for name in ["twin", "twin", "twin_2"]] == ["twin", "twin_3", "twin_2"]
