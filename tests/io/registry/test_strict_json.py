"""What `json` accepts and nobody can work with is refused, with the key that holds it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_sp.io.registry import strict_json
from peft_sp.io.registry.strict_json import FieldError, JsonError, inside, read_json, shown

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@pytest.fixture
def read(tmp_path):
    def read(content):
        (tmp_path / "x.json").write_bytes(content)
        return read_json(tmp_path / "x.json")

    return read


@given(PLAIN)
def test_plain_data_is_read_as_json_reads_it(tmp_path_factory, document):
    file = tmp_path_factory.getbasetemp() / "plain.json"
    try:
        file.write_text(json.dumps(document))
    except UnicodeEncodeError:
        return
    assert read_json(file) == document


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_numbers_that_are_not_finite(token, read):
    with pytest.raises(FieldError, match=rf"^a\.b\[1\] is {token}; it must be a finite number$"):
        read(f'{{"a": {{"b": [1, {token}]}}}}'.encode())


@pytest.mark.parametrize("digits", [19, 400, 5000, 100_000])
def test_integers_that_are_too_long(digits, read):
    for sign in ("", "-"):
        with pytest.raises(FieldError, match="must be an integer of at most 18 digits") as caught:
            read(f'{{"a": {sign}{"7" * digits}}}'.encode())
        assert len(str(caught.value)) < 120
    assert read(b'{"a": 999999999999999999}') == {"a": 10**18 - 1}


def test_nesting_has_an_end(read):
    for depth in (strict_json.DEEPEST + 2, 500, 100_000):
        for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
            for content in (opened * depth, opened * depth + b"1" + closed * depth):
                with pytest.raises(JsonError):
                    read(content)
    deep = strict_json.DEEPEST
    assert read(b"[" * deep + b"]" * deep)


def test_a_file_has_an_end(read, monkeypatch):
    assert read(b" " * (strict_json.LARGEST_FILE - 1) + b"3") == 3
    with pytest.raises(JsonError, match="larger than 1,048,576 bytes"):
        read(b" " * strict_json.LARGEST_FILE + b"3")


def test_a_key_stands_once(read):
    with pytest.raises(JsonError, match='the key "b" stands twice'):
        read(b'{"a": {"b": 1, "c": 2, "b": 1}}')


def test_names_and_values_in_messages_are_one_short_line():
    assert inside(inside(inside("", "metrics"), "classes"), 3) == "metrics.classes[3]"
    assert inside("a", "b c\n") == 'a."b c\\n"'
    assert shown("x\n") == '"x\\n"' and shown(None) == "null"
    assert len(shown(["x" * 1000])) < 70 and "\n" not in shown("\n" * 1000)
