"""Vocabularies are read as data, from the files that tokenizers have."""

from __future__ import annotations

import json

import pytest

from peft_sp.io.registry.strict_json import FieldError
from peft_sp.network.encoders.vocabulary import read_tokens
from tests.support.encoders import sentencepiece


def test_lines_pieces_and_tables_give_the_same_tokens(tmp_path):
    words = ["<pad>", "</s>", "<unk>", "▁A", "▁L"]
    expected = {word: number for number, word in enumerate(words)}
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    (tmp_path / "spiece.model").write_bytes(sentencepiece(words))
    files = {
        "list.json": {"model": {"type": "Unigram", "vocab": [[word, -1.5] for word in words]}},
        "table.json": {"model": {"type": "BPE", "vocab": expected}},
        "added.json": {
            "model": {"vocab": {k: n for k, n in expected.items() if n > 2}},
            "added_tokens": [{"id": n, "content": word} for n, word in enumerate(words[:3])],
        },
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    for name in ("vocab.txt", "spiece.model", *files):
        assert read_tokens(tmp_path / name) == expected, name


@pytest.mark.parametrize(
    "content",
    [b"\x0a\xff\x01<pad>", b"\x0f", b"\xff" * 20, b"\x0b\x00"],
    ids=["longer than the file", "no such type", "no integer", "a group"],
)
def test_what_is_no_sentencepiece_model_is_refused(content, tmp_path):
    (tmp_path / "spiece.model").write_bytes(content)
    with pytest.raises(ValueError, match="no SentencePiece model"):
        read_tokens(tmp_path / "spiece.model")


@pytest.mark.parametrize(
    "content",
    [{}, {"model": {"vocab": 3}}, {"model": {"vocab": [3]}}, {"model": {"vocab": {"A": -1}}}],
)
def test_what_is_no_vocabulary_is_refused(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(FieldError):
        read_tokens(tmp_path / "tokenizer.json")
