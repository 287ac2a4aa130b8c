"""Tiny random encoders of each family, written to disk as transformers writes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

KINDS = ("protbert", "prott5", "ankh", "esmc")
"""Beside ESM-2, which `conftest.tiny_backbone` makes."""
LETTERS = "ALGVSREDTIPKFQNYMHWCXBOUZ"


def write(kind: str, folder: Path, **options: Any) -> str:
    """A network of two layers, 16 wide, with its tokenizer. options: of its configuration."""
    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    network = {"protbert": _protbert, "prott5": _t5, "ankh": _t5, "esmc": _esmc}[kind](options)
    with torch.no_grad():  # fresh norms and biases are ones and zeros, and hide mistakes
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    network.save_pretrained(folder)
    tokenizer(kind, folder).save_pretrained(folder)
    if kind == "prott5":
        # As it is published: a model of SentencePiece alone.
        tokens = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        (folder / "spiece.model").write_bytes(sentencepiece([token for token, _ in tokens]))
        (folder / "tokenizer.json").unlink()
    return str(folder)


def _protbert(options: dict[str, Any]) -> Any:
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        **sizes,
        vocab_size=30,
        intermediate_size=24,
        max_position_embeddings=80,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **options,
    )
    return BertModel(config)  # with the pooler that published ones have


def _t5(options: dict[str, Any]) -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=40,
        d_model=16,
        d_kv=6,
        d_ff=24,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        relative_attention_max_distance=40,
        **options,
    )
    return T5EncoderModel(config)


def _esmc(options: dict[str, Any]) -> Any:
    from transformers import EsmcConfig, EsmcModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return EsmcModel(EsmcConfig(**sizes, vocab_size=64, intermediate_size=24, **options))


def tokenizer(kind: str, folder: Path) -> Any:
    """The library's own tokenizer of such a model."""
    from transformers import BertTokenizer, EsmcTokenizer, T5Tokenizer

    if kind == "protbert":
        tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
        (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
        numbers = {token: number for number, token in enumerate(tokens)}
        return BertTokenizer(vocab=numbers, do_lower_case=False)
    if kind == "esmc":
        return EsmcTokenizer()
    space = "▁" if kind == "prott5" else ""
    pieces = ["<pad>", "</s>", "<unk>", *(space + letter for letter in LETTERS)]
    return T5Tokenizer(vocab=[(piece, -2.0) for piece in pieces], extra_ids=0)


def sentencepiece(pieces: list[str]) -> bytes:
    """A model of SentencePiece with some pieces, as far as a vocabulary goes."""
    entries = []
    for number, piece in enumerate(pieces):
        text = piece.encode()
        score, kind = b"\x15\x00\x00\x00\xc0", b"\x18" + bytes([1 if number > 2 else 3])
        entry = b"\x0a" + bytes([len(text)]) + text + score + kind
        entries.append(b"\x0a" + bytes([len(entry)]) + entry)
    trainer = b"\x12\x04\x18\x03\x20\x01"  # what else stands in such a file
    return b"".join(entries) + trainer


def reference(kind: str, folder: str, sequence: str) -> torch.Tensor:
    """Hidden states (L, D) of a sequence by the library's network and tokenizer alone."""
    from transformers import BertModel, EsmcModel, T5EncoderModel

    classes = {"protbert": BertModel, "esmc": EsmcModel}
    network = classes.get(kind, T5EncoderModel).from_pretrained(folder).eval()
    text: Any = sequence
    if kind in ("protbert", "prott5"):
        text = " ".join(re.sub("[UZOB]", "X", sequence))
    own = tokenizer(kind, Path(folder))
    if kind == "ankh":
        # Its tokenizer splits nothing off a residue.
        numbers = own.convert_tokens_to_ids([*sequence, "</s>"])
        tokens = {"input_ids": torch.tensor([numbers])}
    else:
        tokens = own(text, return_tensors="pt")
    with torch.no_grad():
        hidden = network(**tokens).last_hidden_state[0]
    return hidden[:-1] if kind in ("prott5", "ankh") else hidden[1:-1]
