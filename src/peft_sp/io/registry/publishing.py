"""What is published of a model on the hub, and the one commit that does it.

Published are the model's files (`checksums.is_model_file`) as they are, but for what names things
of this machine: the backbone goes by its id on the hub. Beside them stand a new `SHA256SUMS` and
the card. Nothing else of the directory is read.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from peft_sp.errors import ModelError, OutputError
from peft_sp.io.registry import hub
from peft_sp.io.registry.checksums import (
    ADAPTER_CONFIG,
    CARD,
    CONFIG,
    MANIFEST,
    digest,
    is_model_file,
)
from peft_sp.io.registry.lookup import Model
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.io.registry.strict_json import read_json
from peft_sp.wording import NOT_STATED

MAIN = "main"
"""The branch that an id without a revision stands for."""

_LOCAL = re.compile(r"(?<![\w.:/~-])(?:~?/|[A-Za-z]:\\)[\w.-]{2}[^\s`'\")\]]*")
"""A word that is a path of a machine: from its root, its user's home or its drive."""
_HASHES = "made.trained_windows"
"""The key of letters that are no words."""


@dataclass(frozen=True)
class Publication:
    """A model as it will be on the hub.

    files: what each file holds, as bytes or as the file here that does; config: its settings as
    they will be there.
    """

    repository: str
    files: Mapping[str, bytes | Path]
    config: ModelConfig

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in sorted(self.files.items())
        }

    def with_card(self, text: str) -> Publication:
        """The same with a card. Raises ModelError where it names a path of this machine."""
        for number, line in enumerate(text.splitlines(), 1):
            if path := _LOCAL.search(line):
                raise ModelError(
                    f"{CARD}, line {number}: names {path[0]} of this machine; change the card"
                )
        return replace(self, files={**self.files, CARD: text.encode()})


def prepared(
    model: Model, repository: str, *, licence: str = "", backbone: str | None = None
) -> Publication:
    """A model's files as they will be on the hub, without a card.

    model: as `lookup.find` gave it, its checksums compared. licence: in place of its own;
    backbone: what to call the one that it adapts, `owner/name` or `owner/name@commit`.
    Raises ModelError for a model without a licence, and where a path of this machine would be left.
    """
    directory, config = model.directory, model.config
    assert directory is not None
    licence = require_licence(model, licence)
    files: dict[str, bytes | Path] = {}
    for name in model.files:
        folder, file = directory / PurePosixPath(name).parent, PurePosixPath(name).name
        files[name] = directory / name
        if file == CONFIG:
            own = _renamed(ModelConfig.read(folder), licence, backbone)
            files[name] = _without_paths(directory / name, own.text(folder))
        elif file == ADAPTER_CONFIG:
            files[name] = _without_paths(directory / name, _adapter(directory / name, backbone))
    sums = {
        name: digest(content) if isinstance(content, Path) else sha256(content).hexdigest()
        for name, content in sorted(files.items())
    }
    files[MANIFEST] = "".join(f"{checksum}  {name}\n" for name, checksum in sums.items()).encode()
    return Publication(repository, files, _renamed(config, licence, backbone))


def require_licence(model: Model, licence: str = "") -> str:
    """The licence by which a model is published. Raises ModelError where there is none."""
    if not licence and model.config.licence.partition(",")[0] in ("", NOT_STATED):
        raise ModelError(
            f"{model.directory}: no licence is named, so that nobody might use it; name it by "
            "--licence, as in --licence MIT"
        )
    return licence or model.config.licence


def push(
    publication: Publication, *, private: bool = False, revision: str | None = None, message: str
) -> str:
    """Publish a model in one commit of a branch, which is made where there is none; the commit.

    Model files of an earlier commit that the model no longer has are removed; whatever else is
    there stays. private: of a repository that is made now. Raises ModelError and OutputError.
    """
    repository, library = publication.repository, hub.library(publication.repository)
    api, branch = library.HfApi(), revision or MAIN
    require_login(repository)
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        if branch != MAIN:
            api.create_branch(repository, branch=branch, exist_ok=True)
        there = set(api.list_repo_files(repository, revision=branch))
        if CONFIG in there and MANIFEST not in there:
            raise OutputError(
                f"{repository} holds another kind of model ({CONFIG} without {MANIFEST}); "
                "give another name"
            )
        add, delete = library.CommitOperationAdd, library.CommitOperationDelete
        gone = sorted(name for name in there - set(publication.files) if is_model_file(name))
        operations = [
            *(add(name, content) for name, content in sorted(publication.files.items())),
            *(delete(name) for name in gone),
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the metadata: ours are what the hub knows
            done = api.create_commit(
                repository, operations, commit_message=message, revision=branch
            )
    except OutputError:
        raise
    except Exception as error:  # the library and its HTTP client raise what they like
        raise OutputError(f"{repository}: {_problem(library, error)}") from None
    return str(done.oid)


def address(repository: str) -> str:
    """Where a person sees a repository. Raises MissingExtraError."""
    return f"{hub.library(repository).constants.ENDPOINT}/{repository}"


def require_login(repository: str) -> None:
    """Raise ModelError where nobody is logged in at the hub on this machine."""
    if hub.library(repository).get_token() is None:
        raise ModelError(
            f"{repository}: publishing needs a login at the hub; run 'hf auth login' with a token "
            "that may write, or set HF_TOKEN"
        )


def _renamed(config: ModelConfig, licence: str, backbone: str | None) -> ModelConfig:
    config = replace(config, licence=licence)
    return config if backbone is None else config.with_backbone_named(backbone)


def _adapter(file: Path, backbone: str | None) -> str:
    """`peft`'s settings with the backbone as `peft` finds it on the hub, at its commit."""
    content = read_json(file)
    if backbone is not None:
        name, _, commit = backbone.partition("@")
        content |= {"base_model_name_or_path": name, "revision": commit or None}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _without_paths(file: Path, text: str) -> bytes:
    """The text of settings, as bytes. Raises ModelError where one is a path of this machine."""
    for key, value in _texts(json.loads(text)):
        if key != _HASHES and (path := _LOCAL.search(value)):
            raise ModelError(f"{file}: {key} names {path[0]} of this machine; change it")
    return text.encode()


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a document, with the keys that lead to them."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{number}]")


def _problem(library: Any, error: Exception) -> str:
    """What went wrong, and what to do, in one line."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return "the hub does not know the token of this machine; run 'hf auth login' again"
    if status == 403:
        return (
            "the token of this machine may not write there; give an owner of yours, or run 'hf "
            "auth login' with a token that may write"
        )
    if isinstance(error, library.errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids publishing"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"was not published, the hub did not take it ({text[:300]})"
