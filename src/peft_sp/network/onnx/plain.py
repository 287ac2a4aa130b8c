"""A backbone as prediction needs it: one graph from residue codes to hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import WINDOW

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Parts


MASK_BIAS = -1e9
"""Added to the attention logits of padding, whose attention is then exactly zero."""


class PlainBackbone(nn.Module):
    """`Backbone` for prediction alone: the same function of residues, equal to rounding.

    Takes the backbone's modules over, with whatever tuned them. mask_bias: added to the attention
    logits of padding.
    """

    table: Tensor
    added: Tensor | None
    cosines: Tensor | None
    sines: Tensor | None
    bias: Tensor | None

    def __init__(self, backbone: Backbone, mask_bias: float = MASK_BIAS) -> None:
        super().__init__()
        self.mask_bias, self.frame = mask_bias, backbone.frame
        family, prompts = backbone.family, backbone.prompts
        encoder = backbone.encoder
        network = encoder.merge_and_unload() if hasattr(encoder, "peft_config") else encoder
        with torch.no_grad():
            vectors = [None if prompts is None else prompts.at(n) for n in range(backbone.depth)]
            most = max(0 if front is None else len(front) for front in vectors)
            frame = [backbone.eos] if backbone.cls is None else [backbone.eos, backbone.cls]
            tokens = torch.tensor([*backbone.residue_tokens, *frame])
            # <pad>, whose code follows those of residues, is zero; <eos> and <cls> follow it.
            # shape: (codes, width)
            table = family.code_vectors(network, tokens)
            table = torch.cat([table[:PAD], torch.zeros_like(table[:1]), table[PAD:]])
            positions = family.positions(network, WINDOW + backbone.frame + most)
        self.register_buffer("table", table)
        for name in ("added", "cosines", "sines", "bias"):
            self.register_buffer(name, positions.get(name))
        self.first_norm = family.embedding_norm(network)
        layers: Any = network.get_submodule(family.layers)
        self.layers = nn.ModuleList(
            PlainLayer(family.parts(layer, network.config), front)
            for layer, front in zip(layers, vectors, strict=True)
        )
        self.norm = family.final_norm(network)

    def forward(self, residues: Tensor) -> Tensor:
        """Residues (B, L) int codes, `PAD` behind the end -> (B, L, D)."""
        length = residues.shape[1]
        count = length + self.frame
        body = residues.long()
        # shape: (batch, 1): the position of <eos>
        ends = (body != PAD).sum(1, keepdim=True) + (self.frame - 1)
        behind = torch.full_like(body[:, :1], PAD)
        before = [torch.full_like(behind, PAD + 2)] if self.frame == 2 else []
        # shape: (batch, count)
        codes = torch.cat([*before, body, behind], dim=1)
        positions = torch.arange(count, device=residues.device)
        codes = torch.where(positions == ends, torch.full_like(codes, PAD + 1), codes)
        # shape: (batch, count, width)
        hidden = nn.functional.embedding(codes, self.table)
        if self.added is not None:
            hidden = hidden + self.added[:count]
        hidden = self.first_norm(hidden)
        # shape: (batch, 1, 1, count)
        padding = (codes == PAD)[:, None, None].to(hidden.dtype) * self.mask_bias
        for layer in self.layers:
            hidden, padding = layer(hidden, padding, count, self)
        normed: Tensor = self.norm(hidden)
        return normed[:, -length - 1 : -1]


class PlainLayer(nn.Module):
    """One layer. front (P, D): prompts that are set before its tokens."""

    front: Tensor | None

    def __init__(self, parts: Parts, front: Tensor | None) -> None:
        super().__init__()
        width, inner = parts.query.weight.shape[1], parts.query.weight.shape[0]
        self.heads, self.head_width = parts.heads, inner // parts.heads
        self.norm_last, self.residual = parts.norm_last, parts.residual
        # Queries are scaled before they are rotated: by their weights, or by those of their norm.
        scale = parts.scale if parts.query_norm is None else 1.0
        has_bias = parts.query.bias is not None
        self.qkv = nn.Linear(width, 3 * inner, bias=has_bias)
        self.query_norm, self.key_norm = parts.query_norm, parts.key_norm
        with torch.no_grad():
            weights = [parts.query.weight * scale, parts.key.weight, parts.value.weight]
            self.qkv.weight.copy_(torch.cat(weights))
            if has_bias:
                biases = [parts.query.bias * scale, parts.key.bias, parts.value.bias]
                self.qkv.bias.copy_(torch.cat(biases))
            if parts.query_norm is not None:
                parts.query_norm.weight.mul_(parts.scale)
        # Whole modules, since an adapter may follow them.
        self.out, self.feed_forward = parts.out, parts.feed_forward
        self.norm, self.second_norm = parts.first_norm, parts.second_norm
        self.register_buffer("front", front)

    def forward(
        self, hidden: Tensor, padding: Tensor, tokens: int, tables: PlainBackbone
    ) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T, D) and attention bias of padding (B, 1, 1, T) -> the same.

        tokens: how many of the T are no prompts; tables: the backbone, for its positions.
        """
        if self.front is not None:
            front = self.front.expand(hidden.shape[0], -1, -1)
            hidden = torch.cat([front, hidden[:, -tokens:]], dim=1)
            padding = padding[..., -tokens:]
            of_prompts = torch.zeros_like(padding[..., :1])
            of_prompts = of_prompts.expand(-1, -1, -1, self.front.shape[0])
            padding = torch.cat([of_prompts, padding], dim=3)
        if self.norm_last:
            hidden = self.norm(hidden + self._attended(hidden, padding, tables))
            return self.second_norm(hidden + self.feed_forward(hidden)), padding
        hidden = hidden + self._weighed(self._attended(self.norm(hidden), padding, tables))
        return hidden + self._weighed(self.feed_forward(self.second_norm(hidden))), padding

    def _weighed(self, update: Tensor) -> Tensor:
        return update if self.residual == 1.0 else update * self.residual

    def _attended(self, hidden: Tensor, padding: Tensor, tables: PlainBackbone) -> Tensor:
        """What attention adds (B, T, D) to hidden states (B, T, D)."""
        batch, length = hidden.shape[:2]
        shape = batch, length, 3, self.heads, self.head_width
        projected = self.qkv(hidden)
        if self.query_norm is not None and self.key_norm is not None:
            query, key, value = projected.chunk(3, dim=2)
            projected = torch.cat([self.query_norm(query), self.key_norm(key), value], dim=2)
        # shape: (batch, heads, length, width of a head)
        query, key, value = projected.view(*shape).permute(2, 0, 3, 1, 4).unbind(0)
        if tables.cosines is not None and tables.sines is not None:
            cosines, sines = tables.cosines[:length], tables.sines[:length]
            query, key = _rotated(query, cosines, sines), _rotated(key, cosines, sines)
        # shape: (batch, heads, length, length)
        scores = query @ key.transpose(2, 3) + padding
        if tables.bias is not None:
            scores = scores + tables.bias[:, :, :length, :length]
        mixed = (scores.softmax(dim=3) @ value).transpose(1, 2).reshape(batch, length, -1)
        attended: Tensor = self.out(mixed)
        return attended


def _rotated(states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021): states (B, H, T, D), angles (T, D / 2)."""
    first, second = states.chunk(2, dim=3)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=3)
