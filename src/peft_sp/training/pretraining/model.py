"""A backbone with a head that predicts hidden residues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import EsmForMaskedLM, EsmModel, EsmTokenizer
from transformers.models.esm.modeling_esm import EsmLMHead

from peft_sp.biology.alphabet import PAD
from peft_sp.errors import ModelError
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import (
    read_config,
    read_masked_head,
    read_vocabulary,
    token_ids,
)
from peft_sp.network.encoders import family_of
from peft_sp.network.encoders.esm import Esm
from peft_sp.training.pretraining.masking import MASK


class MaskedResidueModel(nn.Module):
    """Windows with hidden residues -> logits of all tokens at these.

    own_head: whether the head comes from the backbone's checkpoint, not from random numbers.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        family = family_of(read_config(name))
        if not isinstance(family, Esm):
            raise ModelError(f"backbone '{name}' is an {family.title}; only an ESM-2 is pretrained")
        encoder, tensors = load_encoder(name), read_masked_head(name)
        if encoder.config.mask_token_id is None:
            raise ModelError(f"backbone '{name}' has no mask_token_id in its config.json")
        self.own_head = bool(tensors)
        self.backbone = Backbone(encoder, token_ids(name))
        self.head = _head(name, encoder, tensors)
        self._mask = encoder.config.mask_token_id
        numbers = read_vocabulary(name, family)
        self._vocabulary = sorted(numbers, key=numbers.__getitem__)
        # The head for contacts takes no part.
        self.backbone.network.contact_head.requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.backbone.lookup.device

    def forward(self, seen: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> Tensor:
        """Logits (K, V) at the K chosen residues, of what is seen of windows (B, L)."""
        codes = torch.from_numpy(seen).to(self.device)
        hidden = codes == MASK
        # For a window's length, a hidden residue counts like any other.
        tokens, inside = self.backbone.tokens(codes.masked_fill(hidden, 0))
        tokens[:, 1:-1][hidden] = self._mask
        places = torch.zeros_like(inside)
        places[:, 1:-1] = torch.from_numpy(chosen).to(self.device)
        logits: Tensor = self.head(self.backbone.hidden_at(tokens, inside, places))
        return logits

    def targets(self, residues: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> Tensor:
        """Token ids (K,) of the K chosen of residues (B, L)."""
        codes = torch.from_numpy(residues[chosen]).to(self.device)
        return self.backbone.lookup[codes.long()]

    def save(self, directory: Path) -> None:
        """Write what transformers reads: settings, tensors with the head, tokenizer."""
        esm = self.backbone.network
        with torch.device("meta"):
            network = EsmForMaskedLM(esm.config)
        network.esm, network.lm_head = esm, self.head
        network.save_pretrained(directory)
        vocabulary = directory / "vocab.txt"
        vocabulary.write_text("\n".join(self._vocabulary) + "\n", encoding="utf-8")
        tokenizer: Any = EsmTokenizer
        tokenizer(str(vocabulary)).save_pretrained(directory)


def _head(name: str, encoder: EsmModel, tensors: dict[str, Tensor]) -> EsmLMHead:
    """The head of a checkpoint, or one of random numbers where there are no tensors of it."""
    made: Any = EsmLMHead
    head: EsmLMHead = made(encoder.config)
    # What predicts an amino acid is the vector that embeds it, as in every ESM-2.
    head.decoder.weight = encoder.embeddings.word_embeddings.weight
    nn.init.normal_(head.dense.weight, std=encoder.config.initializer_range)
    nn.init.zeros_(head.dense.bias)
    shapes = {k: t.shape for k, t in head.state_dict().items() if not k.startswith("decoder.")}
    if tensors and {key: tensor.shape for key, tensor in tensors.items()} != shapes:
        raise ModelError(f"backbone '{name}' has a head for masked residues that is no ESM-2's")
    head.load_state_dict(tensors, strict=False)
    return head


def trimmed(residues: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Windows (B, L) without the columns that are padding in all of them."""
    return residues[:, : int((residues != PAD).sum(1).max())]
