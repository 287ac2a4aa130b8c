"""An ESM-2 as prediction needs it: one graph from residue codes to hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import WINDOW

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


MASK_BIAS = -1e9
"""Added to the attention logits of padding, whose attention is then exactly zero."""


class PlainBackbone(nn.Module):
    """`Backbone` for prediction alone: the same function of residues, equal to rounding.

    Takes the backbone's modules over, with whatever tuned them. mask_bias: added to the attention
    logits of padding.
    """

    table: Tensor
    cosines: Tensor
    sines: Tensor

    def __init__(self, backbone: Backbone, mask_bias: float = MASK_BIAS) -> None:
        super().__init__()
        self.mask_bias = mask_bias
        config = backbone.esm.config
        encoder: Any = backbone.encoder
        esm: Any = encoder.merge_and_unload() if hasattr(encoder, "peft_config") else encoder
        prompts = backbone.prompts
        with torch.no_grad():
            vectors = [None if prompts is None else prompts.at(n) for n in range(backbone.depth)]
            longest = WINDOW + 2 + max(0 if front is None else len(front) for front in vectors)
            tokens = torch.tensor([*backbone.residue_tokens, backbone.cls, backbone.eos])[:, None]
            # <pad>, whose code follows those of residues, is zero; <cls> and <eos> follow it.
            # shape: (codes, width)
            table = esm.embeddings(input_ids=tokens, attention_mask=torch.ones_like(tokens))[:, 0]
            table = torch.cat([table[:PAD], torch.zeros_like(table[:1]), table[PAD:]])
            angles = esm.rotary_embeddings(table[None], torch.arange(longest)[None])
        # Both halves of a head have the same angles.
        # shape: (tokens, width of a head / 2)
        cosines, sines = (a[0, :, : a.shape[2] // 2].clone() for a in angles)
        self.register_buffer("table", table)
        self.register_buffer("cosines", cosines)
        self.register_buffer("sines", sines)
        self.layers = nn.ModuleList(
            PlainLayer(layer, config.num_attention_heads, front)
            for layer, front in zip(esm.encoder.layer, vectors, strict=True)
        )
        self.norm = esm.encoder.emb_layer_norm_after

    def forward(self, residues: Tensor) -> Tensor:
        """Residues (B, L) int codes, `PAD` behind the end -> (B, L, D)."""
        length = residues.shape[1]
        body = residues.long()
        # shape: (batch, 1): the position of <eos>
        ends = (body != PAD).sum(1, keepdim=True) + 1
        edge = torch.full_like(body[:, :1], PAD + 1)
        # shape: (batch, length + 2)
        codes = torch.cat([edge, body, torch.full_like(edge, PAD)], dim=1)
        positions = torch.arange(length + 2, device=residues.device)
        codes = torch.where(positions == ends, torch.full_like(codes, PAD + 2), codes)
        # shape: (batch, length + 2, width)
        hidden = nn.functional.embedding(codes, self.table)
        # shape: (batch, 1, 1, length + 2)
        bias = (codes == PAD)[:, None, None].to(hidden.dtype) * self.mask_bias
        for layer in self.layers:
            hidden, bias = layer(hidden, bias, length + 2, self.cosines, self.sines)
        normed: Tensor = self.norm(hidden)
        return normed[:, -length - 1 : -1]


class PlainLayer(nn.Module):
    """One layer of an ESM-2. front (P, D): prompts that are set before its tokens."""

    front: Tensor | None

    def __init__(self, layer: Any, heads: int, front: Tensor | None) -> None:
        super().__init__()
        block = layer.attention
        own = block.self
        width, inner = own.query.weight.shape[1], own.query.weight.shape[0]
        self.heads, self.head_width = heads, inner // heads
        scale = self.head_width**-0.5  # of the queries, before they are rotated
        self.qkv = nn.Linear(width, 3 * inner)
        with torch.no_grad():
            weights = [own.query.weight * scale, own.key.weight, own.value.weight]
            self.qkv.weight.copy_(torch.cat(weights))
            self.qkv.bias.copy_(torch.cat([own.query.bias * scale, own.key.bias, own.value.bias]))
        # Whole modules, since an adapter may follow them.
        self.out, self.down = block.output.dense, layer.output.dense
        self.up = layer.intermediate.dense
        self.norm, self.second_norm = block.LayerNorm, layer.LayerNorm
        self.register_buffer("front", front)

    def forward(
        self, hidden: Tensor, bias: Tensor, tokens: int, cosines: Tensor, sines: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T, D) and attention bias (B, 1, 1, T) -> the same.

        tokens: how many of the T are no prompts.
        """
        if self.front is not None:
            front = self.front.expand(hidden.shape[0], -1, -1)
            hidden = torch.cat([front, hidden[:, -tokens:]], dim=1)
            bias = bias[..., -tokens:]
            of_prompts = torch.zeros_like(bias[..., :1]).expand(-1, -1, -1, self.front.shape[0])
            bias = torch.cat([of_prompts, bias], dim=3)
        batch, length = hidden.shape[:2]
        heads = self.qkv(self.norm(hidden)).view(batch, length, 3, self.heads, self.head_width)
        # shape: (batch, heads, length, width of a head)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        cosines, sines = cosines[:length], sines[:length]
        query, key = _rotated(query, cosines, sines), _rotated(key, cosines, sines)
        # shape: (batch, heads, length, length)
        attention = (query @ key.transpose(2, 3) + bias).softmax(dim=3)
        mixed = (attention @ value).transpose(1, 2).reshape(batch, length, -1)
        hidden = hidden + self.out(mixed)
        inner = nn.functional.gelu(self.up(self.second_norm(hidden)))
        return hidden + self.down(inner), bias


def _rotated(states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021): states (B, H, T, D), angles (T, D / 2)."""
    first, second = states.chunk(2, dim=3)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=3)
