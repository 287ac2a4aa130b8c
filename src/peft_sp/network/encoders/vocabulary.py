"""Tokens and their ids, read from the files of a tokenizer as data that nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peft_sp.io.registry.regular import read_regular
from peft_sp.io.registry.strict_json import FieldError, read_json

LARGEST = 2**24
"""Bytes of such a file."""
_LARGEST_LIST = 2**20


def read_tokens(file: Path) -> dict[str, int]:
    """The tokens of `vocab.txt`, `tokenizer.json` or `spiece.model`, with their ids.

    Raises OSError, UnicodeDecodeError, JsonError, FieldError and ValueError for others.
    """
    if file.suffix == ".json":
        return _of_json(read_json(file))
    content = read_regular(file, LARGEST if file.suffix == ".model" else _LARGEST_LIST)
    words = list(_pieces(content)) if file.suffix == ".model" else content.decode().split()
    return {token: number for number, token in enumerate(words)}


def _of_json(content: Any) -> dict[str, int]:
    """Tokens of a file of the library tokenizers, whatever its algorithm is."""
    model = content.get("model") if isinstance(content, dict) else None
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    tokens: dict[str, int] = {}
    if isinstance(vocabulary, list):  # of pieces with scores
        for number, entry in enumerate(vocabulary):
            if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
                raise FieldError(f"model.vocab[{number}]", "a token and its score", entry)
            tokens[entry[0]] = number
    elif isinstance(vocabulary, dict):
        tokens.update(vocabulary)
    else:
        raise FieldError("model.vocab", "a list or a table of tokens", vocabulary)
    for added in content.get("added_tokens") or []:
        if isinstance(added, dict) and isinstance(added.get("content"), str):
            tokens[added["content"]] = added.get("id")  # type: ignore[assignment]  # checked below
    for token, number in tokens.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise FieldError(f"the id of {token!r}", "a whole number", number)
    return tokens


def _pieces(content: bytes) -> Iterator[str]:
    """The pieces of a SentencePiece model, in their order.

    Such a file is a protocol buffer; its field 1 is repeated and holds a piece, whose field 1 is
    its text.
    """
    for number, value in _fields(content):
        if number == 1 and isinstance(value, bytes):
            texts = [v for n, v in _fields(value) if n == 1 and isinstance(v, bytes)]
            yield texts[0].decode() if texts else ""


def _fields(content: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and values of the fields of a protocol buffer. Raises ValueError where it is none."""
    at = 0
    while at < len(content):
        key, at = _integer(content, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _integer(content, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _integer(content, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if size < 0 or at + size > len(content):
            raise ValueError("no SentencePiece model")
        yield number, content[at : at + size]
        at += size


def _integer(content: bytes, at: int) -> tuple[int, int]:
    """An integer of variable length, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("no SentencePiece model")
