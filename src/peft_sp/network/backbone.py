"""ESM-2 backbones: found by name, hub id or directory, and fed with residue codes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
import transformers
from torch import Tensor, nn
from transformers import AutoConfig, EsmConfig, EsmModel, EsmTokenizer

from peft_sp.biology.alphabet import PAD, RESIDUES
from peft_sp.errors import ModelError

NAMES = {
    f"esm2-{size}": f"facebook/esm2_t{layers}_{size}_UR50D"
    for layers, size in (
        *((6, "8M"), (12, "35M"), (30, "150M")),
        *((33, "650M"), (36, "3B"), (48, "15B")),
    )
}
"""Short names of the published backbones, and their ids on the Hugging Face hub."""


def locate(name: str) -> str:
    """Hub id or directory that a short name, a hub id or a directory stands for.

    Raises ModelError for what looks like a path but is no directory.
    """
    if Path(name).is_dir():
        return name
    published = {alias: hub for hub in NAMES.values() for alias in _aliases(hub)}
    if name in NAMES or name in published:
        return NAMES.get(name) or published[name]
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return name
    raise ModelError(
        f"backbone '{name}' is no directory, no hub id (owner/name) and none of " + ", ".join(NAMES)
    )


def _aliases(hub: str) -> tuple[str, str]:
    own = hub.split("/")[1]
    return own, own.removesuffix("_UR50D")


def read_config(name: str) -> EsmConfig:
    """A backbone's configuration, without its weights. Raises ModelError."""
    place = locate(name)
    try:
        config = AutoConfig.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {_first_line(error)}") from None
    if not isinstance(config, EsmConfig):
        raise ModelError(f"backbone '{name}' is a {config.model_type} model, not an ESM-2")
    return config


def load_encoder(name: str) -> EsmModel:
    """The backbone's encoder in float32 with SDPA attention. Raises ModelError."""
    place = locate(name)
    read_config(name)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        encoder = EsmModel.from_pretrained(
            place, add_pooling_layer=False, attn_implementation="sdpa", dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {_first_line(error)}") from None
    return encoder


def token_ids(name: str) -> dict[str, int]:
    """Token id of each of `RESIDUES` and of <cls>, <eos>, <pad>. Raises ModelError."""
    try:
        tokenizer = EsmTokenizer.from_pretrained(locate(name))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"tokenizer of '{name}' cannot be read: {_first_line(error)}") from None
    vocabulary = tokenizer.get_vocab()
    wanted = (*RESIDUES, "<cls>", "<eos>", "<pad>")
    if missing := [token for token in wanted if token not in vocabulary]:
        raise ModelError(f"tokenizer of '{name}' lacks {', '.join(missing)}; is it an ESM-2?")
    return {token: vocabulary[token] for token in wanted}


def weights_hash(encoder: nn.Module) -> str:
    """SHA-256 over the names, shapes and float32 values of a backbone's tensors.

    The same whatever file they were read from, so that an adapter finds its backbone again.
    """
    digest = hashlib.sha256()
    state = encoder.state_dict()
    for key in sorted(state):
        # Tables that some library versions store and others compute are not weights.
        if key.endswith(("position_ids", "inv_freq")):
            continue
        tensor = state[key].detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{key} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


class Backbone(nn.Module):
    """Residue codes (B, L) -> the last hidden layer at the residues (B, L, D).

    Wraps an encoder, tuned or not: adds <cls> before and <eos> right after each sequence and
    removes both again, so that padding changes nothing.
    """

    lookup: Tensor

    def __init__(self, encoder: nn.Module, tokens: dict[str, int], width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = width
        self.cls, self.eos, self.pad = (tokens[name] for name in ("<cls>", "<eos>", "<pad>"))
        lookup = [tokens[letter] for letter in RESIDUES] + [self.pad]
        self.register_buffer("lookup", torch.tensor(lookup), persistent=False)

    def forward(self, residues: Tensor) -> Tensor:
        """Residues (B, L) int codes, `PAD` behind the end -> (B, L, D)."""
        residues = residues.long()
        lengths = (residues != PAD).sum(1, keepdim=True)  # (B, 1)
        body = self.lookup[residues]
        cls = torch.full_like(lengths, self.cls)
        tokens = torch.cat([cls, body, torch.full_like(lengths, self.pad)], dim=1)  # (B, L + 2)
        tokens = tokens.scatter(1, lengths + 1, self.eos)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        attention = (places < lengths + 2).long()
        hidden: Tensor = self.encoder(input_ids=tokens, attention_mask=attention).last_hidden_state
        return hidden[:, 1:-1]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# Tokenizers fork-safety chatter is of no use to a user of a command-line tool.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
