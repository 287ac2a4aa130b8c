"""Files of an ESM-2: found by name, directory or hub id, and read as data that nothing runs.

Read are `config.json`, `vocab.txt` and `*.safetensors`, so neither pickles nor code. Of the
settings those that shape an encoder are taken, each of them checked; code that a file names
(`auto_map`) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import EsmConfig, EsmModel

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.errors import ModelError
from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import Table, optional, required
from peft_sp.io.registry.regular import open_regular, read_regular
from peft_sp.io.registry.strict_json import FieldError, JsonError, inside, read_json

NAMES = {
    f"esm2-{size}": f"facebook/esm2_t{layers}_{size}_UR50D"
    for layers, size in (
        *((6, "8M"), (12, "35M"), (30, "150M")),
        *((33, "650M"), (36, "3B"), (48, "15B")),
    )
}
"""Short names of the published backbones, and their ids on the Hugging Face hub."""
REVISIONS = {
    "facebook/esm2_t6_8M_UR50D": "c731040fcd8d73dceaa04b0a8e6329b345b0f5df",
    "facebook/esm2_t12_35M_UR50D": "6fbf070e65b0b7291e7bbcd451118c216cff79d8",
    "facebook/esm2_t30_150M_UR50D": "a695f6045e2e32885fa60af20c13cb35398ce30c",
    "facebook/esm2_t33_650M_UR50D": "08e4846e537177426273712802403f7ba8261b6c",
    "facebook/esm2_t36_3B_UR50D": "476b639933c8baad5ad09a60ac1a87f987b656fc",
    "facebook/esm2_t48_15B_UR50D": "5fbca39631164edc1d402a5aa369f982f72ee282",
}
"""The commits at which published backbones are fetched; others are named as `owner/name@commit`."""

_CONFIG, _VOCABULARY = "config.json", "vocab.txt"
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_LARGEST_VOCABULARY = 2**16
_SHARD = re.compile(r"[\w-][\w.-]*\.safetensors", re.ASCII)
_NOT_ENCODER = re.compile(r"(lm_head|pooler|classifier)\.|.*(position_ids|inv_freq)$")
_MASKED_HEAD = "lm_head."
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_CONTACTS = "contact_head."
"""A head that is part of every encoder and of no use here; not every file has it."""
_COMPUTED = ("position_ids", "inv_freq", "position_embeddings.weight")
"""Tables that are computed where they are not stored, by the ends of their names."""


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


def require_published(name: str) -> None:
    """Make sure that a backbone that a model names is published, or a directory.

    Whatever a foreign model names otherwise would be asked of the hub. Raises ModelError.
    """
    place = locate(name)
    if place.partition("@")[0] not in REVISIONS and not Path(place).is_dir():
        raise ModelError(
            f"backbone '{name}' is none of the published ones, which alone are fetched because a "
            "model names them"
        )


def _aliases(hub: str) -> tuple[str, str]:
    own = hub.split("/")[1]
    return own, own.removesuffix("_UR50D")


def read_config(name: str) -> EsmConfig:
    """A backbone's configuration, without its weights. Raises ModelError."""
    try:
        content = read_json(_file(name, _CONFIG))
        kind = content.get("model_type") if isinstance(content, dict) else None
        if kind != "esm":
            raise ModelError(f"backbone '{name}' is a {kind} model, not an ESM-2")
        if content.get("auto_map"):
            raise ModelError(
                f"backbone '{name}' asks for code of its own (auto_map), which is never run; "
                "use an ESM-2 without it"
            )
        settings = _Settings.of(content, "")
        if settings.hidden_size % settings.num_attention_heads:
            raise FieldError(
                "num_attention_heads", "a divisor of hidden_size", settings.num_attention_heads
            )
        return EsmConfig(**settings.shape())
    except (OSError, FieldError, JsonError, ValueError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {first_line(error)}") from None


def read_tensors(name: str, config: EsmConfig) -> dict[str, Tensor]:
    """The tensors of a backbone's encoder, by the names that `EsmModel` has for them.

    Raises ModelError unless they are exactly those of an encoder with this configuration.
    """
    state = {k: t for k, t in _stored_tensors(name).items() if not _NOT_ENCODER.match(k)}
    layers = {match[1] for key in state if (match := _LAYER.match(key))}
    if len(layers) != config.num_hidden_layers:  # before a network of so many is put together
        raise ModelError(
            f"backbone '{name}' is not a whole ESM-2: it has {len(layers)} layers, and its "
            f"{_CONFIG} says {config.num_hidden_layers}"
        )
    if wrong := wrong_tensors(config, state):
        raise ModelError(f"backbone '{name}' is not a whole ESM-2 (tensor '{wrong[0]}')")
    return state


def read_masked_head(name: str) -> dict[str, Tensor]:
    """Tensors of the head for masked residues by the names in `EsmLMHead`, none where it lacks one.

    Its decoder is not among them: its matrix is that of the embeddings. Raises ModelError.
    """
    found = {
        key.removeprefix(_MASKED_HEAD): tensor
        for key, tensor in _stored_tensors(name).items()
        if key.startswith(_MASKED_HEAD)
    }
    # Some library versions store a second name of `bias`.
    return {key: tensor for key, tensor in found.items() if not key.startswith("decoder.")}


def _stored_tensors(name: str) -> dict[str, Tensor]:
    """All tensors of a backbone's files, those of the encoder as `EsmModel` names them."""
    try:
        index = _file(name, _INDEX, needed=False)
        shards = [_WEIGHTS] if index is None else _shards(read_json(index))
        state: dict[str, Tensor] = {}
        for shard in shards:
            file = _file(name, shard)
            open_regular(file).close()
            state |= {_current_name(key): t for key, t in load_file(file).items()}
    except FileNotFoundError as error:
        raise ModelError(
            f"backbone '{name}' has no {Path(str(error.filename)).name}, and no pickle is read; "
            "'peft-sp import FILE.pt -o DIR' makes a directory of fair-esm's file of it"
        ) from None
    except (OSError, FieldError, JsonError, SafetensorError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {first_line(error)}") from None
    return state


def wrong_tensors(config: EsmConfig, state: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that an encoder lacks, has beyond its own, or has in another shape."""
    with torch.device("meta"):
        expected = EsmModel(config, add_pooling_layer=False).state_dict()
    shapes = {
        key: tensor.shape
        for key, tensor in expected.items()
        if key in state or (not key.startswith(_CONTACTS) and not key.endswith(_COMPUTED))
    }
    given = {key: tensor.shape for key, tensor in state.items()}
    return sorted(k for k in shapes.keys() | given.keys() if shapes.get(k) != given.get(k))


def read_vocabulary(name: str) -> list[str]:
    """A backbone's tokens in their order. Raises ModelError."""
    try:
        return read_regular(_file(name, _VOCABULARY), _LARGEST_VOCABULARY).decode().split()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"tokenizer of '{name}' cannot be read: {first_line(error)}") from None


def token_ids(name: str) -> dict[str, int]:
    """Token id of each of `RESIDUES` and of <cls>, <eos>, <pad>. Raises ModelError."""
    vocabulary = {token: number for number, token in enumerate(read_vocabulary(name))}
    tokens = (*RESIDUES, "<cls>", "<eos>", "<pad>")
    if missing := [token for token in tokens if token not in vocabulary]:
        raise ModelError(f"tokenizer of '{name}' lacks {', '.join(missing)}; is it an ESM-2?")
    return {token: vocabulary[token] for token in tokens}


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


def _current_name(key: str) -> str:
    """The name that `EsmModel` has for a tensor of a file."""
    name = key.removeprefix("esm.")  # of a network with heads
    for old, new in (("gamma", "weight"), ("beta", "bias")):
        if name.endswith(f"LayerNorm.{old}"):
            name = name.removesuffix(old) + new
    return name


def _one_of(*values: str) -> fields.Check:
    def check(value: Any, key: str) -> str:
        if value not in values:
            raise FieldError(key, " or ".join(values), value)
        return str(value)

    return check


def _flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise FieldError(key, "true or false", value)
    return value


_SIZE = fields.integer(1, 100_000)
_TOKEN = fields.integer(0, 1000)
_FRACTION = fields.number(0, 1)


@dataclass(frozen=True)
class _Settings(Table):
    """What shapes an ESM-2, of its `config.json`; whatever else stands there is not read."""

    vocab_size: int = required(fields.integer(1, 1000))
    hidden_size: int = required(_SIZE)
    num_hidden_layers: int = required(fields.integer(1, 1000))
    num_attention_heads: int = required(fields.integer(1, 1000))
    intermediate_size: int = required(_SIZE)
    pad_token_id: int = required(_TOKEN)
    mask_token_id: int | None = optional(_TOKEN)
    max_position_embeddings: int = optional(_SIZE, 1026)
    position_embedding_type: str = optional(_one_of("absolute", "rotary"), "absolute")
    rope_theta: float = optional(fields.number(1, 1e9), 10000.0)
    layer_norm_eps: float = optional(fields.number(0, 1), 1e-12)
    initializer_range: float = optional(_FRACTION, 0.02)
    hidden_dropout_prob: float = optional(_FRACTION, 0.1)
    attention_probs_dropout_prob: float = optional(_FRACTION, 0.1)
    emb_layer_norm_before: bool = optional(_flag, False)
    token_dropout: bool = optional(_flag, False)

    def shape(self) -> dict[str, Any]:
        """The settings as `EsmConfig` takes them."""
        return {key: value for key, value in asdict(self).items() if key != "extra"}


def _shards(index: Any) -> list[str]:
    """Names of the files that the index of a model in several files lists. Raises FieldError."""
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict):
        raise FieldError("weight_map", "a table", files)
    for key, file in files.items():
        if not isinstance(file, str) or not _SHARD.fullmatch(file):
            raise FieldError(inside("weight_map", key), "the name of a .safetensors file", file)
    return sorted(set(files.values()))


def _file(name: str, file: str, needed: bool = True) -> Any:
    """A file of a backbone, fetched where it is on the hub; None for one that it may lack.

    Raises FileNotFoundError for another one that it lacks, and ModelError.
    """
    place = locate(name)
    if Path(place).is_dir():
        path = Path(place, file)
        return path if needed or path.exists() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, revision = place.partition("@")
    try:
        # With a commit, a file in the cache is taken without asking the hub.
        pinned = revision or REVISIONS.get(repository)
        return Path(hf_hub_download(repository, file, revision=pinned))
    except Exception as error:  # the library and its HTTP client raise what they like
        lacks = isinstance(error, EntryNotFoundError)
        if lacks and not isinstance(error, LocalEntryNotFoundError):
            if needed:
                raise FileNotFoundError(2, "no such file on the hub", file) from None
            return None
        raise ModelError(f"backbone '{name}' cannot be fetched: {first_line(error)}") from None
