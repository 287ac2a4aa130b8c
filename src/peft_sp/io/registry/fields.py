"""Dataclasses whose fields declare how they are read from a table of a foreign JSON file.

    @dataclass(frozen=True)
    class Backbone(Table):
        name: str = required(text)
        sha256: str = optional(sha256, "")

`Backbone.of({"name": "esm2"}, "backbone")` checks every value; keys without a field are kept in
`extra` and written back by `to_json`, so that notes of other tools survive.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Self

from peft_sp.io.registry.strict_json import FieldError, JsonError, inside, shown
from peft_sp.wording import TURNING

Check = Callable[[Any, str], Any]
"""Takes a value and the name of its key; returns the field's value or raises FieldError."""

_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{TURNING}]")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def required(check: Check) -> Any:
    """A field that a table must have."""
    return dataclasses.field(metadata={"check": check})


def optional(check: Check, default: Any = None, *, always_written: bool = False) -> Any:
    """A field that a table may lack; null counts as lacking.

    always_written: also where the value is the default, e.g. null for a figure that is undefined.
    """
    metadata = {"check": check, "always_written": always_written}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Table:
    """Base of every part of a file. extra: keys that have no field here, as they stand there."""

    extra: Mapping[str, Any] = dataclasses.field(
        default_factory=dict, repr=False, hash=False, kw_only=True
    )

    @classmethod
    def of(cls, value: Any, key: str) -> Self:
        """The checked content of a table; key: its name in messages. Raises FieldError and
        JsonError (a required key is missing).
        """
        if not isinstance(value, dict):
            raise FieldError(key, "a table", value)
        rest, values = dict(value), {}
        for own in dataclasses.fields(cls):
            if (check := own.metadata.get("check")) is None:
                continue
            given = rest.pop(own.name, None)
            name = inside(key, own.name)
            if own.default is not MISSING and given is None:
                continue
            if own.name not in value:
                raise JsonError(f"{name} is missing")
            values[own.name] = check(given, name)
        return cls(**values, extra=rest)

    def to_json(self) -> dict[str, Any]:
        """The table as plain data: fields in their order, then `extra`."""
        content = {}
        for own in dataclasses.fields(self):
            if own.metadata.get("check") is None:
                continue
            value = getattr(self, own.name)
            if value != own.default or own.metadata.get("always_written"):
                content[own.name] = _plain(value)
        return {**content, **self.extra}


def _plain(value: Any) -> Any:
    if isinstance(value, Table):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def text(value: Any, key: str) -> str:
    """Text that a terminal may show."""
    if not isinstance(value, str) or _CONTROL.search(value):
        raise FieldError(key, "text without control characters", value)
    return value


def sha256(value: Any, key: str) -> str:
    """A SHA-256 checksum."""
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise FieldError(key, "a SHA-256 checksum of 64 hexadecimal digits", value)
    return value


def integer(least: int, most: int | None = None) -> Check:
    """An integer that is at least `least`, and at most `most`."""
    what = "a positive integer" if least else "an integer from 0 on"
    if most is not None:
        what = f"an integer from {least} to {most:,}"

    def check(value: Any, key: str) -> int:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise FieldError(key, what, value)
        return value

    return check


def number(least: float, most: float) -> Check:
    """A number between two bounds, both included."""

    def check(value: Any, key: str) -> float:
        if type(value) not in (int, float) or not least <= value <= most:
            raise FieldError(key, f"a number from {least:g} to {most:g}", value)
        return float(value)

    return check


def nullable(check: Check) -> Check:
    """What `check` accepts, or null."""
    return lambda value, key: None if value is None else check(value, key)


def listed(check: Check, size: int | None = None) -> Check:
    """A list, as a tuple, of what `check` accepts; size: how many, None for any number."""

    def check_all(value: Any, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or size not in (None, len(value)):
            raise FieldError(key, "a list" if size is None else f"a list of {size}", value)
        return tuple(check(item, inside(key, index)) for index, item in enumerate(value))

    return check_all


def one_or_listed(check: Check) -> Check:
    """What `check` accepts, or a list of it; a tuple in either case."""
    many = listed(check)
    return lambda value, key: many(value if isinstance(value, list) else [value], key)


def plain_table(value: Any, key: str) -> Mapping[str, Any]:
    """A table of which only its being one is checked."""
    if not isinstance(value, dict):
        raise FieldError(key, "a table", value)
    return value


def exactly(expected: Any) -> Check:
    """One value alone."""

    def check(value: Any, key: str) -> Any:
        if type(value) is not type(expected) or value != expected:
            raise FieldError(key, f"{shown(expected)} in this version", value)
        return value

    return check
