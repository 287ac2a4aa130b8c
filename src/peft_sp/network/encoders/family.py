"""What every family of encoders has: its settings, tensors, tokens, modules and how it is run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol

from torch import Tensor, nn

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import Table
from peft_sp.io.registry.strict_json import FieldError

Role = Literal["query", "key", "value", "output", "up", "down"]
"""Projections of a layer: four of attention, those into and out of the feed-forward block."""
MODULES_OF_BERT: Mapping[Role, tuple[str, ...]] = {
    "query": ("attention.self.query",),
    "key": ("attention.self.key",),
    "value": ("attention.self.value",),
    "output": ("attention.output.dense",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
}
"""Paths of a layer's projections in BERT, and in ESM-2, which was written after it."""
RARE = "BZUO"
"""Letters that some encoders were trained to see as X."""


class Shape(Protocol):
    """What a tuning method asks of a backbone's configuration; those of transformers have it."""

    model_type: str
    hidden_size: int
    num_hidden_layers: int


@dataclass(frozen=True)
class EncoderSettings(Table):
    """What shapes an encoder, of its `config.json`; whatever else stands there is not read."""

    def shape(self) -> dict[str, Any]:
        """The settings as transformers takes them. Raises FieldError where they do not go
        together.
        """
        return {key: value for key, value in asdict(self).items() if key != "extra"}


@dataclass(frozen=True)
class Parts:
    """A layer's own modules, as a graph needs them that computes it without transformers.

    Attention of `heads` heads with `scale`, whose queries and keys go through `query_norm` and
    `key_norm`; `out` and `feed_forward` are whole, since an adapter may stand inside. The two
    norms stand before the blocks, or behind their sums with what goes past them (`norm_last`).
    residual: by which the output of a block is multiplied before that.
    """

    query: Any
    key: Any
    value: Any
    out: nn.Module
    feed_forward: nn.Module
    first_norm: nn.Module
    second_norm: nn.Module
    heads: int
    scale: float
    norm_last: bool = False
    query_norm: nn.LayerNorm | None = None
    key_norm: nn.LayerNorm | None = None
    residual: float = 1.0


class Family:
    """A kind of encoder; its name in `config.json` is `model_type`.

    title: its name in sentences. classes: of its configuration and its network in transformers.
    layers: path of the layers' list within the network. modules:
    paths of a layer's projections. frame: its tokens for <cls> (None where there is none), <eos>
    and <pad>. vocabularies: files that may hold its tokens, the first that is there is read.
    not_quantized: projections that stay in float32 where the others are stored in 4 bits.
    """

    model_type: ClassVar[str]
    title: ClassVar[str]
    classes: ClassVar[tuple[str, str]]
    settings: ClassVar[type[EncoderSettings]]
    layers: ClassVar[str] = "encoder.layer"
    modules: ClassVar[Mapping[Role, tuple[str, ...]]]
    vocabularies: ClassVar[tuple[str, ...]] = ("vocab.txt", "tokenizer.json")
    frame: ClassVar[tuple[str | None, str, str]] = ("<cls>", "<eos>", "<pad>")
    has_biases: ClassVar[bool] = True
    not_quantized: ClassVar[tuple[Role, ...]] = ()

    def config(self, content: dict[str, Any]) -> Any:
        """The configuration that a `config.json` describes.

        Raises FieldError and JsonError, and ImportError where transformers has no such family.
        """
        return _of_transformers(self.classes[0])(**self.settings.of(content, "").shape())

    def network_class(self) -> Any:
        """Its class of encoders."""
        return _of_transformers(self.classes[1])

    def network_options(self) -> dict[str, Any]:
        """What that class is made with beside a configuration."""
        return {}

    def tensor_name(self, stored: str) -> str | None:
        """The encoder's name for a tensor of a file, None for one of another part."""
        raise NotImplementedError

    def is_optional(self, name: str) -> bool:
        """Whether a file may lack a tensor of the encoder, which is then computed."""
        return False

    def complete(self, network: Any, given: Mapping[str, Tensor]) -> None:
        """Finish a network that was read; given: its tensors in the files."""

    def token_ids(self, vocabulary: Mapping[str, int]) -> dict[str, int]:
        """Ids of `RESIDUES` and, where it has them, of <cls>, <eos> and <pad>.

        Raises KeyError, with the tokens that are not in the vocabulary.
        """
        frame = dict(zip(("<cls>", "<eos>", "<pad>"), self.frame, strict=True))
        wanted = {letter: self.token_of(letter, vocabulary) for letter in RESIDUES}
        wanted |= {name: token for name, token in frame.items() if token is not None}
        if missing := [token for token in wanted.values() if token not in vocabulary]:
            raise KeyError(", ".join(dict.fromkeys(missing)))
        return {name: vocabulary[token] for name, token in wanted.items()}

    def token_of(self, letter: str, vocabulary: Mapping[str, int]) -> str:
        """The token of a residue's letter."""
        return letter

    def embeddings(self, network: Any) -> nn.Module:
        """The module that stands before the layers."""
        embeddings: nn.Module = network.embeddings
        return embeddings

    def table(self, network: Any) -> Tensor:
        """Vectors of the tokens (V, D) as the encoder stores them."""
        table: Tensor = self.embeddings(network).word_embeddings.weight  # type: ignore[union-attr, assignment]
        return table

    def token_vectors(self, network: Any, tokens: Sequence[int]) -> Tensor:
        """Vectors (N, D) of tokens as they meet the first layer, wherever they stand."""
        return self.table(network)[list(tokens)]

    def used(self, network: Any) -> list[nn.Module]:
        """The modules that hidden states depend on."""
        return [network.embeddings, network.encoder]

    def embed(self, network: Any, tokens: Tensor, inside: Tensor) -> Tensor:
        """Hidden states (B, T, D) before the first layer, of tokens (B, T)."""
        hidden: Tensor = self.embeddings(network)(tokens)
        return hidden

    def arguments(self, network: Any, hidden: Tensor, inside: Tensor) -> dict[str, Any]:
        """What each layer takes beside hidden states (B, T, D): mask, positions.

        inside (B, T) bool: true on prompts and on tokens that are not padding.
        """
        from transformers.masking_utils import create_bidirectional_mask

        mask = create_bidirectional_mask(
            config=network.config, inputs_embeds=hidden, attention_mask=inside.long()
        )
        return {"attention_mask": mask}

    def run(self, layer: Any, hidden: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        """Hidden states (B, T, D) behind a layer."""
        behind: Tensor = layer(hidden, **arguments)
        return behind

    def run_at(
        self, layer: Any, hidden: Tensor, arguments: Mapping[str, Any], chosen: Tensor
    ) -> Tensor:
        """Hidden states (K, D) behind a layer, at the K chosen tokens (B, T) alone."""
        return self.run(layer, hidden, arguments)[chosen]

    def finish(self, network: Any, hidden: Tensor) -> Tensor:
        """Hidden states (..., D) as the encoder gives them, of those behind its last layer."""
        return hidden

    # What the export needs.

    def not_exported(self, config: Any) -> str:
        """Why such an encoder has no ONNX graph here, "" where it has one."""
        return ""

    def parts(self, layer: Any, config: Any) -> Parts:
        """A layer's modules."""
        raise NotImplementedError

    def final_norm(self, network: Any) -> nn.Module:
        """What stands behind the last layer."""
        return nn.Identity()

    def code_vectors(self, network: Any, tokens: Tensor) -> Tensor:
        """Vectors (N, D) of tokens (N,), to which positions and the norm are still to come."""
        return self.table(network)[tokens]

    def positions(self, network: Any, longest: int) -> dict[str, Tensor]:
        """Tables for up to `longest` tokens: "added" (T, D) to embeddings, "cosines" and "sines"
        (T, D of a head / 2) that rotate queries and keys, "bias" (1, heads, T, T) of attention.
        """
        return {}

    def embedding_norm(self, network: Any) -> nn.Module:
        """What embeddings go through when all is added."""
        return nn.Identity()


class FeedForward(nn.Module):
    """down(act(up(x))), or down(act(gate(x)) * up(x))."""

    def __init__(
        self, up: nn.Module, down: nn.Module, activation: Any, gate: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.up, self.down, self.gate, self.activation = up, down, gate, activation

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., D) -> (..., D)."""
        if self.gate is None:
            inner = self.activation(self.up(hidden))
        else:
            inner = self.activation(self.gate(hidden)) * self.up(hidden)
        behind: Tensor = self.down(inner)
        return behind


def _of_transformers(name: str) -> Any:
    """A class of the library, which loads its module when it is asked for."""
    if (found := getattr(importlib.import_module("transformers"), name, None)) is None:
        raise ImportError(name)
    return found


def current_norm(name: str) -> str:
    """The name that the tensor of a norm has today."""
    for old, new in (("gamma", "weight"), ("beta", "bias")):
        if name.endswith(f"LayerNorm.{old}"):
            name = name.removesuffix(old) + new
    return name


def one_of(*values: str) -> fields.Check:
    """A check for a field that is one of some words."""

    def check(value: Any, key: str) -> str:
        if value not in values:
            raise FieldError(key, " or ".join(values), value)
        return str(value)

    return check


def flag(value: Any, key: str) -> bool:
    """A check for a field that is true or false."""
    if not isinstance(value, bool):
        raise FieldError(key, "true or false", value)
    return value


SIZE = fields.integer(1, 100_000)
COUNT = fields.integer(1, 1000)
TOKEN = fields.integer(0, 1000)
FRACTION = fields.number(0, 1)
