"""Which windows a model was trained on, as short hashes in its settings.

A model that is tested on what it learned from looks better than it is. The file that it was trained
on tells, and so does every selection or copy of it, since the hashes are of single windows.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from hashlib import blake2b

from peft_sp.io.registry.strict_json import FieldError

BYTES, LETTERS = 6, 8
"""Of the hash of a window, and of its text. Of 20,000 windows and 20,000 others, two have the same
hash in one of a million cases."""
MOST = 50_000
"""Windows that are recorded. Of more the ones with the smallest hashes, which is a random sample:
`config.json` is read at every start and has a limit."""
_WORDS = re.compile(rf"(?:[A-Za-z0-9+/]{{{LETTERS}}})+")


def record(windows: Iterable[str]) -> str:
    """The hashes of different windows, in order, as one text."""
    hashes = sorted({_hash(window) for window in windows})[:MOST]
    return base64.b64encode(b"".join(hashes)).decode()


def recorded(windows: Iterable[str], text: str) -> int:
    """How many of some windows stand in a record; one that occurs twice counts twice."""
    words = {text[start : start + LETTERS] for start in range(0, len(text), LETTERS)}
    return sum(base64.b64encode(_hash(window)).decode() in words for window in windows)


def check_record(value: object, key: str) -> str:
    """A record as `config.json` has it. Raises FieldError."""
    if not isinstance(value, str) or not _WORDS.fullmatch(value):
        raise FieldError(key, f"hashes of {LETTERS} letters each, in base64", value)
    return value


def _hash(window: str) -> bytes:
    return blake2b(window.encode(), digest_size=BYTES).digest()
