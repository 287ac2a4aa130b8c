"""Backbones: encoders put together from their files, and run on residue codes.

What differs between families of encoders stands in `encoders/`.
"""

from __future__ import annotations

import copy
import hashlib
from typing import Any, Protocol

import torch
import transformers
from torch import Tensor, nn

from peft_sp.biology.alphabet import PAD, RESIDUES
from peft_sp.errors import ModelError
from peft_sp.network.backbone_files import first_line, locate, read_config, read_tensors
from peft_sp.network.encoders import family_of
from peft_sp.network.encoders.quantization import NF4, dequantize, quantize


def load_encoder(name: str) -> Any:
    """The backbone's encoder in float32 with SDPA attention, a network of transformers.

    Raises ModelError.
    """
    config = read_config(name)
    family = family_of(config)
    state: dict[str, Any] = dict(read_tensors(name, config))
    log: Any = transformers.utils.logging
    verbosity = log.get_verbosity()
    log.disable_progress_bar()
    log.set_verbosity_error()  # what a file may lack was looked at
    try:
        # Without a name it opens no file, and so follows nothing that stands beside the weights.
        encoder = family.network_class().from_pretrained(
            None,
            config=config,
            state_dict=state,
            attn_implementation="sdpa",
            dtype=torch.float32,
            **family.network_options(),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {first_line(error)}") from None
    finally:
        log.set_verbosity(verbosity)
    family.complete(encoder, state)
    return encoder


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


class Backbones:
    """Encoders in memory, so that several networks share the tensors of one.

    dequantized: those that are stored in 4 bits are given with the same weights in float32.
    """

    def __init__(self, dequantized: bool = False) -> None:
        self.dequantized = dequantized
        self._loaded: dict[tuple[str, str], tuple[Any, str]] = {}

    def take(self, name: str, precision: str = "float32") -> tuple[Any, str]:
        """A frozen encoder, and the hash of its weights as they were read.

        Its modules are its own, to be wrapped and replaced; its tensors are those of every
        other one of this name and precision, not to be written to (`Lent` makes own ones of
        them). Raises ModelError.
        """
        key = locate(name), precision
        if key not in self._loaded:
            encoder = load_encoder(name)
            fingerprint = weights_hash(encoder)
            if precision == "bfloat16":
                encoder.bfloat16()
            elif precision == NF4:
                quantize(encoder)
                if self.dequantized:
                    dequantize(encoder)
            self._loaded[key] = encoder.requires_grad_(False), fingerprint
        encoder, fingerprint = self._loaded[key]
        # `deepcopy` does not copy what its memo holds already.
        shared: dict[int, Any] = {id(t): t for t in (*encoder.parameters(), *encoder.buffers())}
        return copy.deepcopy(encoder, shared), fingerprint


class Lent:
    """Tensors of an encoder that others share, while a tuning method is applied to it."""

    def __init__(self, encoder: nn.Module) -> None:
        self.before = {id(p): (p, p.data, p._version) for p in encoder.parameters()}

    def separate(self, network: nn.Module) -> None:
        """Give a network its own copy of the parameters that it trains or has replaced.

        The lent ones are then what they were. Raises ValueError where one was written to, which
        cannot be undone.
        """
        own: dict[int, nn.Parameter] = {}
        for parameter, data, version in self.before.values():
            if parameter.requires_grad or parameter.data_ptr() != data.data_ptr():
                values = parameter.detach().clone()
                own[id(parameter)] = nn.Parameter(values, parameter.requires_grad)
                parameter.requires_grad_(False)
                parameter.data, parameter.grad = data, None
            elif parameter._version != version:
                raise ValueError("a tuning method wrote to weights that other networks share")
        for module in network.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if id(parameter) in own:
                    setattr(module, name, own[id(parameter)])


class PrependedVectors(Protocol):
    """Vectors before the tokens of some layers, such as prompts. first: the lowest of these."""

    first: int

    def at(self, layer: int) -> Tensor | None:
        """The vectors (P, D) that are set before a layer, None where it has none."""
        ...


class StoredActivations(Protocol):
    """Hidden states behind the first `depth` layers of windows that were computed before."""

    depth: int

    def look_up(self, residues: Tensor) -> Tensor | None:
        """Hidden states (B, T, D) of residues (B, L); None if any row is missing."""
        ...


class Backbone(nn.Module):
    """Residue codes (B, L) -> the last hidden layer at the residues (B, L, D).

    Holds an encoder of any family, which a tuning method may change: adds the tokens of its frame
    (<cls> before, where it has one, and <eos> right after each sequence) and takes away whatever
    is not a residue at the end, so that padding changes nothing.

    tokens: see `token_ids`. frame: how many tokens a window has beyond its residues. prompts:
    vectors to be set before the tokens of some layers. activation_cache: output of the first
    layers for windows that were computed before (see `activation_cache.py`).
    """

    lookup: Tensor

    def __init__(self, encoder: Any, tokens: dict[str, int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.family = family_of(encoder.config)
        self.prompts: PrependedVectors | None = None
        self.activation_cache: StoredActivations | None = None
        self.width = int(encoder.config.hidden_size)
        self.depth = int(encoder.config.num_hidden_layers)
        self.cls, self.eos, self.pad = tokens.get("<cls>"), tokens["<eos>"], tokens["<pad>"]
        self.frame = 1 if self.cls is None else 2
        self.residue_tokens = [tokens[letter] for letter in RESIDUES]
        lookup = torch.tensor([*self.residue_tokens, self.pad])
        self.register_buffer("lookup", lookup, persistent=False)

    @property
    def network(self) -> Any:
        """The encoder itself, inside whatever `peft` wraps it in."""
        wrapper = self.encoder
        return wrapper.get_base_model() if hasattr(wrapper, "peft_config") else wrapper

    @property
    def layers(self) -> nn.ModuleList:
        """Its layers."""
        layers: nn.ModuleList = self.network.get_submodule(self.family.layers)
        return layers

    @property
    def untouched(self) -> int:
        """How many of the first layers training does not change.

        Nothing in them or before them is trained, so that their output for a window is the same
        in every epoch and can be cached.
        """
        parts = [self.family.embeddings(self.network), *self.layers]
        trained = [any(p.requires_grad for p in part.parameters()) for part in parts]
        if trained[0]:
            return 0
        first = self.depth if self.prompts is None else self.prompts.first
        return next((n for n in range(first) if trained[n + 1]), first)

    @property
    def precision(self) -> torch.dtype:
        """Of the backbone's own weights."""
        return self.family.table(self.network).dtype

    def forward(self, residues: Tensor) -> Tensor:
        """Residues (B, L) int codes, `PAD` behind the end -> (B, L, D)."""
        length = residues.shape[1]
        cache = self.activation_cache
        cached = None if cache is None else cache.look_up(residues)
        if cache is not None and cached is not None:
            inside = self._inside(residues)
            hidden = self._layers(cached.to(self.precision), inside, cache.depth, self.depth)
        else:
            tokens, inside = self.tokens(residues)
            hidden = self._embedded(tokens, inside)
            hidden = self._layers(hidden, inside, 0, self.depth)
        hidden = self.family.finish(self.network, hidden)
        # Behind prompts and <cls>; the last token is <eos> or padding.
        return hidden[:, -length - 1 : -1]

    def lower(self, residues: Tensor, depth: int) -> Tensor:
        """Output of the first `depth` layers (B, L + frame, D), the frame's tokens included."""
        tokens, inside = self.tokens(residues)
        return self._layers(self._embedded(tokens, inside), inside, 0, depth)

    def _inside(self, residues: Tensor) -> Tensor:
        """Which tokens (B, L + frame) are not padding."""
        lengths = (residues != PAD).sum(1, keepdim=True) + self.frame
        return torch.arange(residues.shape[1] + self.frame, device=residues.device) < lengths

    def tokens(self, residues: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids (B, L + frame) of residues (B, L) in their frame; which are not padding."""
        inside = self._inside(residues)
        body = self.lookup[residues.long()]
        behind = torch.full_like(body[:, :1], self.pad)
        before = [] if self.cls is None else [torch.full_like(behind, self.cls)]
        tokens = torch.cat([*before, body, behind], dim=1)
        return tokens.scatter(1, inside.sum(1, keepdim=True) - 1, self.eos), inside

    def hidden_at(self, tokens: Tensor, inside: Tensor, chosen: Tensor) -> Tensor:
        """The last hidden layer (K, D) at the K chosen of tokens (B, T).

        inside, chosen (B, T) bool. What of the last layer only the chosen ones need is computed
        for them alone.
        """
        hidden = self._embedded(tokens, inside)
        hidden = self._layers(hidden, inside, 0, self.depth - 1)
        arguments = self.family.arguments(self.network, hidden, inside)
        behind = self.family.run_at(self.layers[-1], hidden, arguments, chosen)
        return self.family.finish(self.network, behind)

    def _embedded(self, tokens: Tensor, inside: Tensor) -> Tensor:
        """Embeddings (B, T, D) of tokens (B, T)."""
        return self.family.embed(self.network, tokens, inside)

    def _layers(self, hidden: Tensor, inside: Tensor, start: int, stop: int) -> Tensor:
        """Hidden states (B, T, D) behind layers `start` to `stop`; prompts stay in front.

        inside (B, L + frame) bool: true on tokens that are not padding.
        """
        arguments, sequence = None, inside.shape[1]
        network, layers = self.network, self.layers
        for number in range(start, stop):
            vectors = None if self.prompts is None else self.prompts.at(number)
            if vectors is not None:
                count = len(vectors)
                front = vectors.to(hidden.dtype).expand(len(hidden), -1, -1)
                hidden = torch.cat([front, hidden[:, -sequence:]], dim=1)
                if inside.shape[1] == sequence:
                    inside = torch.cat([inside.new_ones(len(inside), count), inside], dim=1)
                    arguments = None
            if arguments is None:
                arguments = self.family.arguments(network, hidden, inside)
            hidden = self.family.run(layers[number], hidden, arguments)
        return hidden
