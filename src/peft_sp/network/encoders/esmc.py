"""ESM C (ESM Team 2024): gated layers with rotary positions, whose queries and keys have norms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import optional, required
from peft_sp.io.registry.strict_json import FieldError
from peft_sp.network.encoders.esm import rotary_tables
from peft_sp.network.encoders.family import (
    COUNT,
    FRACTION,
    SIZE,
    TOKEN,
    EncoderSettings,
    Family,
    FeedForward,
    Parts,
    Role,
    flag,
    one_of,
)


def _rotary(value: Any, key: str) -> dict[str, Any]:
    """Plain rotary positions; those that are stretched are not known here."""
    theta = value.get("rope_theta") if isinstance(value, dict) else None
    kind = value.get("rope_type", "default") if isinstance(value, dict) else None
    if kind != "default":
        raise FieldError(key, 'a table with rope_type = "default"', value)
    return {"rope_type": "default", "rope_theta": fields.number(1, 1e9)(theta, f"{key}.rope_theta")}


@dataclass(frozen=True)
class _Settings(EncoderSettings):
    vocab_size: int = required(COUNT)
    hidden_size: int = required(SIZE)
    num_hidden_layers: int = required(COUNT)
    num_attention_heads: int = required(COUNT)
    intermediate_size: int = required(SIZE)
    pad_token_id: int = optional(TOKEN, 1)
    mask_token_id: int = optional(TOKEN, 32)
    max_position_embeddings: int = optional(SIZE, 2048)
    rope_parameters: Mapping[str, Any] | None = optional(_rotary)
    hidden_act: str = optional(one_of("silu"), "silu")
    attention_bias: bool = optional(flag, False)
    mlp_bias: bool = optional(flag, False)
    attention_dropout: float = optional(FRACTION, 0.0)
    initializer_range: float = optional(FRACTION, 0.02)

    def shape(self) -> dict[str, Any]:
        """The settings as transformers takes them."""
        if self.hidden_size % (2 * self.num_attention_heads):
            raise FieldError(
                "num_attention_heads", "a divisor of half of hidden_size", self.num_attention_heads
            )
        settings = super().shape()
        return settings | {"rope_parameters": dict(self.rope_parameters or _ROTARY)}


_ROTARY = {"rope_type": "default", "rope_theta": 10000.0}


_MODULES: Mapping[Role, tuple[str, ...]] = {
    "query": ("self_attn.q_proj",),
    "key": ("self_attn.k_proj",),
    "value": ("self_attn.v_proj",),
    "output": ("self_attn.o_proj",),
    "up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}


class Esmc(Family):
    """ESM C."""

    model_type = "esmc"
    title = "ESM C"
    classes = "EsmcConfig", "EsmcModel"
    settings = _Settings
    layers = "layers"
    vocabularies = ("tokenizer.json", "vocab.txt")
    modules = _MODULES

    def tensor_name(self, stored: str) -> str | None:
        """Without the prefix of a network with heads."""
        name = stored.removeprefix("esmc.")
        other = name.startswith(("lm_head.", "classifier.", "score.")) or name.endswith("inv_freq")
        return None if other else name

    def embeddings(self, network: Any) -> nn.Module:
        """A table."""
        table: nn.Module = network.embed_tokens
        return table

    def table(self, network: Any) -> Tensor:
        """Of the tokens."""
        table: Tensor = network.embed_tokens.weight
        return table

    def used(self, network: Any) -> list[nn.Module]:
        """All of it."""
        return [network]

    def arguments(self, network: Any, hidden: Tensor, inside: Tensor) -> dict[str, Any]:
        """Attention mask and rotary angles."""
        from torch import arange

        positions = arange(hidden.shape[1], device=hidden.device)[None]
        rotary = network.rotary_emb(hidden, positions)
        return {**super().arguments(network, hidden, inside), "position_embeddings": rotary}

    def finish(self, network: Any, hidden: Tensor) -> Tensor:
        """Behind the last norm."""
        normed: Tensor = network.norm(hidden)
        return normed

    def parts(self, layer: Any, config: Any) -> Parts:
        """Of a layer."""
        own, block = layer.self_attn, layer.mlp
        return Parts(
            query=own.q_proj,
            key=own.k_proj,
            value=own.v_proj,
            out=own.o_proj,
            feed_forward=FeedForward(
                block.up_proj, block.down_proj, nn.functional.silu, block.gate_proj
            ),
            first_norm=layer.input_layernorm,
            second_norm=layer.post_attention_layernorm,
            heads=config.num_attention_heads,
            scale=own.head_dim**-0.5,
            query_norm=own.q_norm,
            key_norm=own.k_norm,
            residual=1 / math.sqrt(config.num_hidden_layers / 36),
        )

    def final_norm(self, network: Any) -> nn.Module:
        """Of the encoder."""
        norm: nn.Module = network.norm
        return norm

    def positions(self, network: Any, longest: int) -> dict[str, Tensor]:
        """Rotary angles."""
        return rotary_tables(network.rotary_emb, self.table(network), longest)
