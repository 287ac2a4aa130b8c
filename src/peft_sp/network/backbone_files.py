"""Files of a backbone: found by name, directory or hub id, and read as data that nothing runs.

Read are `config.json`, the vocabulary and `*.safetensors`, so neither pickles nor code. Of the
settings those that shape an encoder of a known family (`encoders/`) are taken, each of them
checked; code that a file names (`auto_map`) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from peft_sp.errors import ModelError
from peft_sp.io.registry import hub
from peft_sp.io.registry.regular import open_regular
from peft_sp.io.registry.strict_json import FieldError, JsonError, inside, read_json
from peft_sp.network.encoders import TITLES, Family, family_named, family_of
from peft_sp.network.encoders.esm import HEAD
from peft_sp.network.encoders.vocabulary import read_tokens

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

CONFIG = "config.json"
WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_SHARD = re.compile(r"[\w-][\w.-]*\.safetensors", re.ASCII)


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


def read_config(name: str) -> Any:
    """A backbone's configuration, without its weights; its class is its family's of transformers.

    Raises ModelError for a family that is not known, and for settings that are no encoder's.
    """
    family = None
    try:
        content = read_json(_file(name, CONFIG))
        kind = content.get("model_type") if isinstance(content, dict) else None
        family = family_named(kind)
        if family is None:
            raise ModelError(
                f"backbone '{name}' is a {kind} model, of no family that is known here: {TITLES}"
            )
        if content.get("auto_map"):
            raise ModelError(
                f"backbone '{name}' asks for code of its own (auto_map), which is never run; "
                f"use an {family.title} without it"
            )
        return family.config(content)
    except (OSError, FieldError, JsonError, ValueError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {first_line(error)}") from None
    except ImportError:
        raise ModelError(
            f"backbone '{name}' is an {family and family.title}, which the installed transformers "
            "does not have; pip install --upgrade transformers"
        ) from None


def read_tensors(name: str, config: Any) -> dict[str, Tensor]:
    """The tensors of a backbone's encoder, by the names that its class in transformers has.

    Raises ModelError unless they are exactly those of an encoder with this configuration.
    """
    family = family_of(config)
    state = _stored_tensors(name, family.tensor_name)
    layer = re.compile(rf"{re.escape(family.layers)}\.(\d+)\.")
    layers = {match[1] for key in state if (match := layer.match(key))}
    if len(layers) != config.num_hidden_layers:  # before a network of so many is put together
        raise ModelError(
            f"backbone '{name}' is not a whole {family.title}: it has {len(layers)} layers, and "
            f"its {CONFIG} says {config.num_hidden_layers}"
        )
    if wrong := wrong_tensors(config, state):
        raise ModelError(f"backbone '{name}' is not a whole {family.title} (tensor '{wrong[0]}')")
    return state


def read_masked_head(name: str) -> dict[str, Tensor]:
    """Tensors of an ESM-2's head for masked residues, none where a file lacks one.

    By the names in `EsmLMHead`; its decoder is not among them: its matrix is that of the
    embeddings. Raises ModelError.
    """

    def own(stored: str) -> str | None:
        return stored.removeprefix(HEAD) if stored.startswith(HEAD) else None

    # Some library versions store a second name of `bias`.
    found = _stored_tensors(name, own)
    return {key: tensor for key, tensor in found.items() if not key.startswith("decoder.")}


def _stored_tensors(name: str, wanted: Callable[[str], str | None]) -> dict[str, Tensor]:
    """Tensors of a backbone's files by the names that `wanted` gives them; others are not read."""
    try:
        index = _file(name, _INDEX, needed=False)
        shards = [WEIGHTS] if index is None else _shards(read_json(index))
        state: dict[str, Tensor] = {}
        for shard in shards:
            file = _file(name, shard)
            open_regular(file).close()
            with safe_open(file, "pt") as tensors:
                for stored in tensors.keys():  # noqa: SIM118
                    if (own := wanted(stored)) is not None:
                        state[own] = tensors.get_tensor(stored)
    except FileNotFoundError as error:
        raise ModelError(
            f"backbone '{name}' has no {Path(str(error.filename)).name}, and no pickle is read; "
            "'peft-sp import FILE -o DIR' makes a directory of such a file"
        ) from None
    except (OSError, FieldError, JsonError, SafetensorError) as error:
        raise ModelError(f"backbone '{name}' cannot be read: {first_line(error)}") from None
    return state


def wrong_tensors(config: Any, state: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that an encoder lacks, has beyond its own, or has in another shape."""
    family = family_of(config)
    with torch.device("meta"):
        expected = family.network_class()(config, **family.network_options()).state_dict()
    shapes = {
        key: tensor.shape
        for key, tensor in expected.items()
        if key in state or not family.is_optional(key)
    }
    given = {key: tensor.shape for key, tensor in state.items()}
    return sorted(k for k in shapes.keys() | given.keys() if shapes.get(k) != given.get(k))


def read_vocabulary(name: str, family: Family) -> dict[str, int]:
    """A backbone's tokens with their ids. Raises ModelError."""
    try:
        for file in family.vocabularies:
            if (found := _file(name, file, needed=False)) is not None:
                return read_tokens(found)
    except (OSError, FieldError, JsonError, ValueError) as error:
        raise ModelError(f"tokenizer of '{name}' cannot be read: {first_line(error)}") from None
    raise ModelError(f"tokenizer of '{name}' is missing: {' or '.join(family.vocabularies)}")


def token_ids(name: str) -> dict[str, int]:
    """Token ids of a backbone: of `RESIDUES` and, where it has them, of <cls>, <eos> and <pad>.

    Raises ModelError.
    """
    config = read_config(name)
    family = family_of(config)
    try:
        tokens = family.token_ids(read_vocabulary(name, family))
    except KeyError as error:
        raise ModelError(
            f"tokenizer of '{name}' lacks {error.args[0]}; is it an {family.title}?"
        ) from None
    if max(tokens.values()) >= config.vocab_size:
        raise ModelError(
            f"tokenizer of '{name}' has more tokens than its {CONFIG}, {config.vocab_size}"
        )
    return tokens


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


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
    found = _fetched(name, place, file)
    if found is None and needed:
        raise FileNotFoundError(2, "no such file on the hub", file)
    return found


def _fetched(name: str, place: str, file: str) -> Path | None:
    """A file of a backbone on the hub, None where it has none. Raises ModelError."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, revision = place.partition("@")
    pinned, absent = revision or REVISIONS.get(repository), False
    try:
        # A path; another object where the hub was known to have no such file; None.
        known = try_to_load_from_cache(repository, file, revision=pinned)
        absent = known is not None and not isinstance(known, str)
        if absent and hub.is_commit(pinned):
            return None
        if not isinstance(known, str):
            hub.require_network()
        # With a commit, a file in the cache is taken without asking the hub.
        return Path(hf_hub_download(repository, file, revision=pinned))
    except Exception as error:  # the library and its HTTP client raise what they like
        if isinstance(error, EntryNotFoundError):
            absent = absent or not isinstance(error, LocalEntryNotFoundError)
        if absent:
            return None
        raise ModelError(f"backbone '{name}' cannot be fetched: {first_line(error)}") from None
