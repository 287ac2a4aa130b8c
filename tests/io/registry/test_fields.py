"""Tables whose fields say how they are read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest

from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import Table, optional, required
from peft_sp.io.registry.strict_json import FieldError, JsonError


@dataclass(frozen=True)
class Inner(Table):
    size: int = required(fields.integer(1))


@dataclass(frozen=True)
class Outer(Table):
    name: str = required(fields.text)
    share: float | None = optional(fields.number(0, 1), always_written=True)
    parts: tuple[Inner, ...] = optional(fields.listed(Inner.of), ())
    inner: Inner | None = optional(Inner.of)
    words: tuple[str, ...] = optional(fields.one_or_listed(fields.text), ())
    pair: tuple[float | None, float | None] | None = optional(
        fields.listed(fields.nullable(fields.number(-1, 1)), 2)
    )


def test_what_is_read_is_written_again():
    content = {
        "name": "a",
        "share": 0.5,
        "parts": [{"size": 1}, {"size": 2, "colour": "red"}],
        "inner": {"size": 3},
        "words": ["one", "two"],
        "pair": [None, 0.25],
        "more": {"x": [1]},
    }
    table = Outer.of(content, "")
    assert table.parts == (Inner(1), Inner(2, extra={"colour": "red"}))
    assert table.extra == {"more": {"x": [1]}}
    assert table.to_json() == content
    with pytest.raises(FrozenInstanceError):
        table.name = "b"


def test_null_counts_as_lacking_and_defaults_are_not_written():
    lacking = Outer.of({"name": "a"}, "")
    assert lacking == Outer.of({"name": "a", "share": None, "parts": None, "inner": None}, "")
    assert lacking.to_json() == {"name": "a", "share": None}


def test_a_required_key_is_missed_by_name():
    with pytest.raises(JsonError, match=r"^t\.parts\[1\]\.size is missing$"):
        Outer.of({"name": "a", "parts": [{"size": 1}, {}]}, "t")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "t is []; it must be a table"),
        ({"name": None}, "t.name is null; it must be text without control characters"),
        ({"name": "a\x00"}, 't.name is "a\\u0000"; it must be text'),
        ({"name": "a", "share": 1.5}, "t.share is 1.5; it must be a number from 0 to 1"),
        ({"name": "a", "share": False}, "t.share is false; it must be a number from 0 to 1"),
        ({"name": "a", "inner": {"size": 0}}, "t.inner.size is 0; it must be a positive integer"),
        ({"name": "a", "pair": [1]}, "t.pair is [1]; it must be a list of 2"),
        ({"name": "a", "words": 3}, "t.words[0] is 3; it must be text"),
    ],
)
def test_a_wrong_value_is_named(content, problem):
    with pytest.raises(FieldError) as caught:
        Outer.of(content, "t")
    assert str(caught.value).startswith(problem)
