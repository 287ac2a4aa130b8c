"""BERT encoders such as ProtBert (Elnaggar et al. 2021): stored positions, norms behind sums."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from peft_sp.biology.alphabet import UNKNOWN
from peft_sp.biology.grammar import WINDOW
from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import optional, required
from peft_sp.io.registry.strict_json import FieldError
from peft_sp.network.encoders.family import (
    COUNT,
    FRACTION,
    MODULES_OF_BERT,
    RARE,
    SIZE,
    TOKEN,
    EncoderSettings,
    Family,
    FeedForward,
    Parts,
    current_norm,
    one_of,
)

_NOT_ENCODER = re.compile(r"(cls|pooler|classifier|lm_head)\.|.*position_ids$")


@dataclass(frozen=True)
class _Settings(EncoderSettings):
    vocab_size: int = required(SIZE)
    hidden_size: int = required(SIZE)
    num_hidden_layers: int = required(COUNT)
    num_attention_heads: int = required(COUNT)
    intermediate_size: int = required(SIZE)
    pad_token_id: int = optional(TOKEN, 0)
    max_position_embeddings: int = optional(fields.integer(WINDOW + 2, 100_000), 512)
    type_vocab_size: int = optional(COUNT, 2)
    hidden_act: str = optional(one_of("gelu", "relu"), "gelu")
    position_embedding_type: str = optional(one_of("absolute"), "absolute")
    layer_norm_eps: float = optional(fields.number(0, 1), 1e-12)
    initializer_range: float = optional(FRACTION, 0.02)
    hidden_dropout_prob: float = optional(FRACTION, 0.1)
    attention_probs_dropout_prob: float = optional(FRACTION, 0.1)

    def shape(self) -> dict[str, Any]:
        """The settings as transformers takes them."""
        if self.hidden_size % self.num_attention_heads:
            raise FieldError(
                "num_attention_heads", "a divisor of hidden_size", self.num_attention_heads
            )
        settings = super().shape()
        del settings["position_embedding_type"]  # the library has no other
        return settings


class Bert(Family):
    """BERT, whose protein models write [CLS], the residues, and [SEP]."""

    model_type = "bert"
    title = "BERT (ProtBert)"
    classes = "BertConfig", "BertModel"
    settings = _Settings
    frame = ("[CLS]", "[SEP]", "[PAD]")
    modules = MODULES_OF_BERT

    def network_options(self) -> dict[str, Any]:
        """Without what pools residues."""
        return {"add_pooling_layer": False}

    def tensor_name(self, stored: str) -> str | None:
        """Without the prefix of a network with heads, by the norms' names of today."""
        name = stored.removeprefix("bert.")
        if _NOT_ENCODER.match(name):
            return None
        return current_norm(name)

    def token_of(self, letter: str, vocabulary: Mapping[str, int]) -> str:
        """ProtBert was trained with X in place of B, Z, U and O."""
        return UNKNOWN if letter in RARE else letter

    def token_vectors(self, network: Any, tokens: Sequence[int]) -> Tensor:
        """Behind the norm, without a position."""
        own = network.embeddings
        types = own.token_type_embeddings.weight[0]
        vectors: Tensor = own.LayerNorm(self.table(network)[list(tokens)] + types)
        return vectors

    def parts(self, layer: Any, config: Any) -> Parts:
        """Of a layer."""
        block = layer.attention
        act = nn.functional.gelu if config.hidden_act == "gelu" else nn.functional.relu
        return Parts(
            query=block.self.query,
            key=block.self.key,
            value=block.self.value,
            out=block.output.dense,
            feed_forward=FeedForward(layer.intermediate.dense, layer.output.dense, act),
            first_norm=block.output.LayerNorm,
            second_norm=layer.output.LayerNorm,
            heads=config.num_attention_heads,
            scale=(config.hidden_size // config.num_attention_heads) ** -0.5,
            norm_last=True,
        )

    def code_vectors(self, network: Any, tokens: Tensor) -> Tensor:
        """With the vector of the first kind of sequence, which all tokens are of."""
        types: Tensor = network.embeddings.token_type_embeddings.weight[0]
        return self.table(network)[tokens] + types

    def positions(self, network: Any, longest: int) -> dict[str, Tensor]:
        """Vectors of positions; prompts stand before none."""
        return {"added": network.embeddings.position_embeddings.weight[: WINDOW + 2].clone()}

    def embedding_norm(self, network: Any) -> nn.Module:
        """Of the embeddings."""
        norm: nn.Module = network.embeddings.LayerNorm
        return norm
