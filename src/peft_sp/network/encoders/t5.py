"""Encoders of T5 such as ProtT5 and Ankh (Elnaggar et al. 2021, 2023): biases of attention by
distance, no <cls>.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from peft_sp.biology.alphabet import UNKNOWN
from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import optional, required
from peft_sp.network.encoders.family import (
    COUNT,
    FRACTION,
    RARE,
    SIZE,
    TOKEN,
    EncoderSettings,
    Family,
    FeedForward,
    Parts,
    Role,
    one_of,
)

_SPACE = "\u2581"
"""Stands before each residue in the vocabulary of models that read them with spaces between."""
_TABLE = "shared.weight"
_OTHER_NAME = "encoder.embed_tokens.weight"
_ENCODER = "encoder."


@dataclass(frozen=True)
class _Settings(EncoderSettings):
    vocab_size: int = required(SIZE)
    d_model: int = required(SIZE)
    d_kv: int = required(COUNT)
    d_ff: int = required(SIZE)
    num_layers: int = required(COUNT)
    num_heads: int = required(COUNT)
    pad_token_id: int = optional(TOKEN, 0)
    eos_token_id: int = optional(TOKEN, 1)
    relative_attention_num_buckets: int = optional(fields.integer(4, 1000), 32)
    relative_attention_max_distance: int = optional(fields.integer(2, 100_000), 128)
    feed_forward_proj: str = optional(one_of("relu", "gated-gelu"), "relu")
    layer_norm_epsilon: float = optional(fields.number(0, 1), 1e-6)
    initializer_factor: float = optional(fields.number(0, 100), 1.0)
    dropout_rate: float = optional(FRACTION, 0.1)


_MODULES: Mapping[Role, tuple[str, ...]] = {
    "query": ("layer.0.SelfAttention.q",),
    "key": ("layer.0.SelfAttention.k",),
    "value": ("layer.0.SelfAttention.v",),
    "output": ("layer.0.SelfAttention.o",),
    "up": (
        "layer.1.DenseReluDense.wi",
        "layer.1.DenseReluDense.wi_0",
        "layer.1.DenseReluDense.wi_1",
    ),
    "down": ("layer.1.DenseReluDense.wo",),
}


class T5(Family):
    """T5's encoder; the decoder of a file is not read."""

    model_type = "t5"
    title = "T5 (ProtT5, Ankh)"
    classes = "T5Config", "T5EncoderModel"
    settings = _Settings
    layers = "encoder.block"
    vocabularies = ("tokenizer.json", "spiece.model", "vocab.txt")
    frame = (None, "</s>", "<pad>")
    has_biases = False
    not_quantized = ("down",)  # the library casts what it is given to the type of its weights
    modules = _MODULES

    def tensor_name(self, stored: str) -> str | None:
        """The vectors of tokens have two names, one for the decoder."""
        if stored in (_TABLE, _OTHER_NAME):
            return _TABLE
        return stored if stored.startswith(_ENCODER) else None

    def is_optional(self, name: str) -> bool:
        """The second name of the vectors."""
        return name == _OTHER_NAME

    def token_of(self, letter: str, vocabulary: Mapping[str, int]) -> str:
        """ProtT5 read residues with spaces between, X in place of B, Z, U and O; Ankh neither."""
        if _SPACE + UNKNOWN in vocabulary:
            return _SPACE + (UNKNOWN if letter in RARE else letter)
        return letter

    def embeddings(self, network: Any) -> nn.Module:
        """A table."""
        table: nn.Module = network.shared
        return table

    def table(self, network: Any) -> Tensor:
        """Of the tokens."""
        table: Tensor = network.shared.weight
        return table

    def used(self, network: Any) -> list[nn.Module]:
        """All of it."""
        return [network.shared, network.encoder]

    def embed(self, network: Any, tokens: Tensor, inside: Tensor) -> Tensor:
        """Vectors of tokens; their order is in the layers."""
        hidden: Tensor = network.encoder.dropout(network.shared(tokens))
        return hidden

    def arguments(self, network: Any, hidden: Tensor, inside: Tensor) -> dict[str, Any]:
        """Attention mask, and the biases by distance, which all layers have from the first."""
        first = network.encoder.block[0].layer[0].SelfAttention
        count = hidden.shape[1]
        bias = first.compute_bias(count, count, device=hidden.device).to(hidden.dtype)
        return {**super().arguments(network.encoder, hidden, inside), "position_bias": bias}

    def run(self, layer: Any, hidden: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        """A layer gives its biases back as well."""
        behind: Tensor = layer(hidden, **arguments)[0]
        return behind

    def finish(self, network: Any, hidden: Tensor) -> Tensor:
        """Behind the last norm."""
        normed: Tensor = network.encoder.final_layer_norm(hidden)
        return normed

    def parts(self, layer: Any, config: Any) -> Parts:
        """Of a layer."""
        attention, block = layer.layer[0].SelfAttention, layer.layer[1]
        own = block.DenseReluDense
        if config.is_gated_act:
            feed_forward = FeedForward(own.wi_1, own.wo, _tanh_gelu, own.wi_0)
        else:
            feed_forward = FeedForward(own.wi, own.wo, nn.functional.relu)
        return Parts(
            query=attention.q,
            key=attention.k,
            value=attention.v,
            out=attention.o,
            feed_forward=feed_forward,
            first_norm=_RootMeanSquareNorm(layer.layer[0].layer_norm),
            second_norm=_RootMeanSquareNorm(block.layer_norm),
            heads=config.num_heads,
            scale=1.0,
        )

    def final_norm(self, network: Any) -> nn.Module:
        """Of the encoder."""
        return _RootMeanSquareNorm(network.encoder.final_layer_norm)

    def positions(self, network: Any, longest: int) -> dict[str, Tensor]:
        """Biases of attention."""
        first = network.encoder.block[0].layer[0].SelfAttention
        return {"bias": first.compute_bias(longest, longest).clone()}


class _RootMeanSquareNorm(nn.Module):
    """T5's norm in operators that exported networks have."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.epsilon = norm.weight, norm.variance_epsilon

    def forward(self, hidden: Tensor) -> Tensor:
        square = (hidden * hidden).sum(-1, keepdim=True) * (1 / self.weight.shape[0])
        scaled: Tensor = hidden * torch.rsqrt(square + self.epsilon) * self.weight
        return scaled


def _tanh_gelu(inner: Tensor) -> Tensor:
    """GELU as T5 approximates it."""
    cube = inner * inner * inner
    return 0.5 * inner * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * cube)))
