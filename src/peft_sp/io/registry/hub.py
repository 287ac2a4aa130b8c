"""Models on the Hugging Face hub: each id stands for one commit, from its first use on.

What an id stands for is remembered in the user's data directory
(`$XDG_DATA_HOME/peft-sp/hub`, by default `~/.local/share/peft-sp/hub`), one file an id; the
model's files are in the hub library's own cache. The library resolves revisions and fetches;
what it does not do is kept here: a branch stays at the commit of its first use, and the files
are compared with the checksums of that use. `huggingface_hub` is imported only to fetch.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from peft_sp.errors import MissingExtraError, ModelError, OutputError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.checksums import (
    CARD,
    CONFIG,
    MANIFEST,
    digest,
    is_model_file,
    needed,
    read_checksums,
)
from peft_sp.io.registry.strict_json import read_json

_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@(\S+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Pin:
    """What an id stands for.

    id: as the user gave it, `owner/name` or `owner/name@revision`; commit: its 40 digits;
    directory: where the files are; manifest_sha256: checksum of the model's `SHA256SUMS`.
    newly_pinned: whether an id that does not name its commit was tied to it just now;
    not_remembered: why that could not be written down, empty if it was.
    """

    id: str
    commit: str
    directory: Path
    manifest_sha256: str
    newly_pinned: bool = False
    not_remembered: str = ""


def is_id(name: str) -> bool:
    """Whether a model's name is a hub id: `owner/name`, or with a revision `owner/name@v1`."""
    return _ID.fullmatch(name) is not None and not name.endswith(".git")


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a commit, whose files never change."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def require_network() -> None:
    """Raise ConnectionError where the hub's address is not known, as without a network.

    Its library would go on trying for half a minute. Behind a proxy only that need know it.
    """
    import socket
    from urllib.request import getproxies

    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT).hostname
    if host is None or constants.HF_HUB_OFFLINE or getproxies():
        return
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise ConnectionError(
            f"{host} is not found ({error.strerror}); is there a network?"
        ) from None


def remembered() -> list[Pin]:
    """All ids that were used, with what they stand for."""
    try:
        names = sorted(unquote(file.stem) for file in _data_directory().glob("*.json"))
    except (OSError, RuntimeError):
        return []
    return [pin for pin in map(recall, names) if pin is not None]


def recall(name: str) -> Pin | None:
    """What an id stands for, None if it was never used."""
    try:
        content = read_json(_file(name))
        # "sums" has been the key of the manifest's checksum from the first version on.
        pin = Pin(name, content["commit"], Path(content["directory"]), content["sums"])
        return pin if _COMMIT.fullmatch(pin.commit) else None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None


def find(
    name: str,
    check: Callable[[Path], Any],
    *,
    update: bool = False,
    force: bool = False,
    whole: bool = False,
) -> Pin:
    """A model by its id; fetched at its first use, without the network from then on.

    check: called with the directory that holds the settings, before the network's weights are
    fetched. update: ask the hub which commit the id stands for now; force: and fetch every file
    again. whole: fetch also the files that prediction does not read. Raises ModelError where it
    cannot be fetched, has no manifest or is not the model that the id stood for, and
    MissingExtraError.
    """
    known = recall(name)
    if known is not None and not update and (known.directory / CONFIG).is_file():
        manifest = known.directory / MANIFEST
        if digest(manifest) != known.manifest_sha256:
            raise ModelError(f"{manifest}: is damaged or was altered; {remedy(name)}")
        if not whole:
            return known
    match = _ID.fullmatch(name)
    assert match is not None, name
    repository, revision = match[1], match[2]
    if known is not None and not update:
        commit = known.commit
    elif revision is not None and _COMMIT.fullmatch(revision):
        commit = revision
    else:
        commit = commit_of(name, repository, revision)
    directory = _fetch(name, repository, commit, check, force=force, whole=whole)
    newly_pinned = commit != revision and (known is None or known.commit != commit)
    pin = Pin(name, commit, directory, digest(directory / MANIFEST), newly_pinned)
    if known is None or known.commit != commit or known.manifest_sha256 == pin.manifest_sha256:
        return pin
    raise ModelError(
        f"model '{name}': the hub's files at commit {commit} are not those of its first use"
    )


def remember(pin: Pin) -> Pin:
    """Write down what an id stands for; `not_remembered` of the result says why that failed."""
    content = {"id": pin.id, "commit": pin.commit, "sums": pin.manifest_sha256}
    content["directory"] = str(pin.directory.absolute())
    try:
        _data_directory().mkdir(parents=True, exist_ok=True)
        write_text(_file(pin.id), json.dumps(content, indent=2) + "\n")
    except (OSError, RuntimeError, OutputError) as error:
        return replace(pin, not_remembered=str(error))
    return pin


def remedy(name: str) -> str:
    """What the user can do about files that were damaged or altered."""
    return f"'peft-sp models {name} --update' fetches them again"


def _data_directory() -> Path:
    """Where ids are remembered. Raises RuntimeError where the user's home is not known."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "peft-sp/hub"


def _file(name: str) -> Path:
    return _data_directory() / f"{quote(name, safe='')}.json"


def commit_of(name: str, repository: str, revision: str | None = None) -> str:
    """The commit that a branch or a tag is at, by default the main branch.

    name: what messages call the model. Raises ModelError and MissingExtraError.
    """
    api = library(name).HfApi()
    try:
        commit = api.model_info(repository, revision=revision).sha
    except Exception as error:
        raise _explained(name, error) from None
    if not _COMMIT.fullmatch(commit or ""):
        raise ModelError(f"model '{name}': the hub does not say which commit it is at")
    return str(commit)


def _fetch(
    name: str,
    repository: str,
    commit: str,
    check: Callable[[Path], Any],
    *,
    force: bool,
    whole: bool,
) -> Path:
    """Fetch settings and manifest, then those files that it lists and prediction reads, or all."""
    own = library(name)

    def get(file: str) -> Path:
        """Raises FileNotFoundError for a file that the commit does not have, and ModelError."""
        try:
            known = own.try_to_load_from_cache(repository, file, revision=commit)
            if force or not isinstance(known, str):
                require_network()
            # With a commit, a file in the cache is taken without asking the hub.
            return Path(
                own.hf_hub_download(repository, file, revision=commit, force_download=force)
            )
        except own.errors.LocalEntryNotFoundError as error:  # the hub did not answer
            raise _explained(name, error) from None
        except own.errors.EntryNotFoundError:
            raise FileNotFoundError(file) from None
        except Exception as error:
            raise _explained(name, error) from None

    try:
        directory = get(CONFIG).parent
        check(directory)
        get(MANIFEST)
        listed = read_checksums(directory) or {}
        for file in filter(is_model_file, listed) if whole else needed(listed):
            if file != CONFIG:
                get(file)
    except FileNotFoundError as error:
        raise ModelError(
            f"model '{name}', commit {commit[:12]}: has no {error}; it is not a model of this "
            "program, or was published without its manifest"
        ) from None
    with contextlib.suppress(FileNotFoundError):
        get(CARD)
    return directory


def library(name: str) -> Any:
    """The hub's own library, for a model or another thing of a name. Raises MissingExtraError."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise MissingExtraError(f"model '{name}' (a hub id)", "hub", error.name) from None
    return huggingface_hub


def _explained(name: str, error: Exception) -> ModelError:
    """One line for what went wrong, from an error of the library or of its HTTP client."""
    errors = library(name).errors
    offline = os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")
    if isinstance(error, errors.GatedRepoError):
        problem = "its owner gives it on request only; ask on its page, then: hf auth login"
    elif isinstance(error, errors.RevisionNotFoundError):
        problem = "the hub has no such revision of it"
    elif isinstance(error, errors.RepositoryNotFoundError):
        problem = "no such directory here, and no such model on the hub (private: hf auth login)"
    elif isinstance(error, errors.OfflineModeIsEnabled) or offline:
        problem = "is not on this machine, and HF_HUB_OFFLINE forbids fetching it"
    else:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        problem = f"no such directory here, and the hub did not answer ({text})"
    return ModelError(f"model '{name}': {problem}")
