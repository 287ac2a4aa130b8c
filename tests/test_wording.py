"""Counts agree with their nouns; no letter acts on a terminal."""

from __future__ import annotations

import pytest

from peft_sp.wording import counted, printable


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("pair",), "0 pairs"),
        (1, ("pair",), "1 pair"),
        (1200, ("pair",), "1,200 pairs"),
        (1, ("class", "classes"), "1 class"),
        (2, ("class", "classes"), "2 classes"),
    ],
)
def test_a_noun_is_singular_behind_one_alone(count, words, text):
    assert counted(count, *words) == text


def test_what_no_terminal_may_show_is_escaped():
    assert printable("Muß [b] \u4fe1") == "Muß [b] \u4fe1"
    assert printable("a\x1b[31m\n\udcff") == r"a\x1b[31m\n\udcff"
