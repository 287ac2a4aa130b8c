"""JSON files that anybody may have written, read strictly: what passes is plain, finite data.

`json` alone accepts more than can be worked with: NaN and Infinity, integers of any length, the
same key twice, nesting until Python's stack is full, and text that no file can hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peft_sp.io.registry.regular import open_regular

LARGEST_FILE = 2**20
"""Bytes of the largest file that is read; a model's own settings take about 25,000."""
DEEPEST = 32
"""Levels of nested tables and lists; a model's own settings have 6."""
LONGEST_INTEGER = 18
"""Digits of the longest integer: those fit into 64 bits."""

_PLAIN_KEY = re.compile(r"[\w-]{1,40}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """Content that is not strict JSON; the text says what is wrong and where."""


class FieldError(ValueError):
    """A value that is not what its key must hold. The text is `KEY is VALUE; it must be ...`."""

    def __init__(self, key: str, expected: str, value: Any) -> None:
        super().__init__(f"{key or 'the whole file'} is {shown(value)}; it must be {expected}")


class _Number(str):
    """A number token that Python cannot represent as a finite float or a 64-bit integer."""


def read_json(file: Path, largest: int = LARGEST_FILE) -> Any:
    """The content of a JSON file.

    Raises OSError, JsonError for what is not strict JSON, and FieldError for a value that cannot
    be represented.
    """
    with open_regular(file) as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise JsonError(f"larger than {largest:,} bytes")
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_table,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_Number,
        )
    except UnicodeDecodeError:
        raise JsonError("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error}") from None
    except RecursionError:
        raise JsonError(f"nested more than {DEEPEST} levels deep") from None
    _check(document, "", 0)
    return document


def inside(key: str, part: str | int) -> str:
    """The name of a part of a table or list, as messages give it: `metrics.test.classes[3]`."""
    if isinstance(part, int):
        return f"{key}[{part}]"
    name = part if _PLAIN_KEY.fullmatch(part) else shown(part)
    return f"{key}.{name}" if key else name


def shown(value: Any) -> str:
    """A value as JSON has it, cut to one short line."""
    if isinstance(value, _Number):
        digits = len(value)
        return str(value) if digits <= 40 else f"{value[:20]}... ({digits} characters)"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"the key {shown(twice)} stands twice")
    return table


def _integer(text: str) -> int | _Number:
    return int(text) if len(text.lstrip("-")) <= LONGEST_INTEGER else _Number(text)


def _float(text: str) -> float | _Number:
    number = float(text)
    return number if math.isfinite(number) else _Number(text)


def _check(value: Any, key: str, depth: int) -> None:
    """Refuse what the parser passed on but cannot be used, with the key that holds it."""
    if depth > DEEPEST:
        raise JsonError(f"nested more than {DEEPEST} levels deep")
    if isinstance(value, _Number):
        integer = value.lstrip("-").isdigit()
        limit = f"an integer of at most {LONGEST_INTEGER} digits" if integer else "a finite number"
        raise FieldError(key, limit, value)
    if isinstance(value, str) and _SURROGATE.search(value):
        raise FieldError(key, "Unicode text", value)
    for name, part in _parts(value):
        if isinstance(name, str) and _SURROGATE.search(name):
            raise JsonError(f"the key {shown(name)} is not Unicode text")
        _check(part, inside(key, name), depth + 1)


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
