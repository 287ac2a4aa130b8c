"""Models on the Hugging Face hub: each id stands for one commit, from its first use on.

What an id stands for is remembered in the user's data folder (`$XDG_DATA_HOME/peft-sp/hub`, by
default `~/.local/share/peft-sp/hub`), one file an id; the model's files are in the hub
library's own cache. `huggingface_hub` is imported only to fetch.
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
from urllib.parse import quote, unquote

from peft_sp.errors import MissingExtraError, ModelError, OutputError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.checksums import CONFIG, SUMS, digest, needed, read_sums

_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@(\S+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CARD = "README.md"


@dataclass(frozen=True)
class Pin:
    """What an id stands for.

    id: as asked for, `owner/name` or `owner/name@revision`; commit: its 40 digits; directory:
    where the files are; sums: SHA-256 of the model's manifest. fresh: whether an id that does
    not name its commit was tied to it just now; forgotten: why that cannot be remembered.
    """

    id: str
    commit: str
    directory: Path
    sums: str
    fresh: bool = False
    forgotten: str = ""


def is_id(name: str) -> bool:
    """Whether a model's name is a hub id: `owner/name`, or with a revision `owner/name@v1`."""
    return _ID.fullmatch(name) is not None and not name.endswith(".git")


def remembered() -> list[Pin]:
    """All ids that were used, with what they stand for."""
    try:
        names = sorted(unquote(file.stem) for file in _memory().glob("*.json"))
    except (OSError, RuntimeError):
        return []
    return [pin for pin in map(recall, names) if pin is not None]


def recall(name: str) -> Pin | None:
    """What an id stands for, None if it was never used."""
    try:
        content = json.loads(_file(name).read_text(encoding="utf-8"))
        pin = Pin(name, content["commit"], Path(content["directory"]), content["sums"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    return pin if _COMMIT.fullmatch(pin.commit) else None


def find(
    name: str, check: Callable[[Path], Any], *, update: bool = False, force: bool = False
) -> Pin:
    """A model by its id; fetched at its first use, without the network from then on.

    check: called with the folder that holds the settings, before the network's weights are
    fetched. update: ask what the id stands for now; force: and fetch every file again. Raises
    ModelError where it cannot be fetched, has no manifest or is not the model that the id stood
    for, and MissingExtraError.
    """
    known = recall(name)
    if known is not None and not update and (known.directory / CONFIG).is_file():
        if digest(known.directory / SUMS) != known.sums:
            raise ModelError(f"{known.directory / SUMS}: is damaged or was altered; {mend(name)}")
        return known
    match = _ID.fullmatch(name)
    assert match is not None, name
    repository, revision = match[1], match[2]
    if known is not None and not update:
        commit = known.commit
    elif revision is not None and _COMMIT.fullmatch(revision):
        commit = revision
    else:
        commit = _commit(name, repository, revision)
    directory = _fetch(name, repository, commit, check, force)
    fresh = commit != revision and (known is None or known.commit != commit)
    pin = Pin(name, commit, directory, digest(directory / SUMS), fresh)
    if known is not None and known.commit == commit and pin.sums != known.sums:
        raise ModelError(f"model '{name}': what the hub has at commit {commit} is another model")
    return pin


def remember(pin: Pin) -> Pin:
    """Keep what an id stands for; the result's `forgotten` says why not, where that fails."""
    content = {"id": pin.id, "commit": pin.commit, "sums": pin.sums}
    content["directory"] = str(pin.directory.absolute())
    try:
        _memory().mkdir(parents=True, exist_ok=True)
        write_text(_file(pin.id), json.dumps(content, indent=2) + "\n")
    except (OSError, RuntimeError, OutputError) as error:
        return replace(pin, forgotten=str(error))
    return pin


def mend(name: str) -> str:
    """What to do about files that are not what they were."""
    return f"'peft-sp models {name} --update' fetches them again"


def _memory() -> Path:
    """The folder that remembers. Raises RuntimeError where nobody's home is known."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "peft-sp/hub"


def _file(name: str) -> Path:
    return _memory() / f"{quote(name, safe='')}.json"


def _commit(name: str, repository: str, revision: str | None) -> str:
    """The commit that a branch or a tag is at, by default the main branch. Raises ModelError."""
    library = _library(name)
    try:
        found = library.HfApi().model_info(repository, revision=revision).sha
    except Exception as error:
        raise _explained(name, error) from None
    if not _COMMIT.fullmatch(found or ""):
        raise ModelError(f"model '{name}': the hub names no commit of it")
    return str(found)


def _fetch(
    name: str, repository: str, commit: str, check: Callable[[Path], Any], force: bool
) -> Path:
    """Settings and manifest first, then what the manifest lists and prediction reads."""
    library = _library(name)

    def get(file: str) -> Path:
        try:
            # With a commit, a file in the cache is taken without asking the hub.
            return Path(
                library.hf_hub_download(repository, file, revision=commit, force_download=force)
            )
        except Exception as error:
            if type(error).__name__ in ("EntryNotFoundError", "RemoteEntryNotFoundError"):
                raise FileNotFoundError(file) from None
            raise _explained(name, error) from None

    try:
        directory = get(CONFIG).parent
        check(directory)
        get(SUMS)
        for file in needed(read_sums(directory) or {}):
            if file != CONFIG:
                get(file)
    except FileNotFoundError as error:
        raise ModelError(
            f"model '{name}', commit {commit[:12]}: has no {error}; it is no model of this "
            "program, or was published without its manifest"
        ) from None
    with contextlib.suppress(FileNotFoundError):
        get(_CARD)
    return directory


def _library(name: str) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(f"model '{name}' (a hub id)", "hub", error.name) from None
    return huggingface_hub


def _explained(name: str, error: Exception) -> ModelError:
    """One line for what went wrong.

    The library's errors beside its own are those of whatever HTTP library a release of it
    stands on, so they are told apart by name.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in kinds:
        problem = "its owner gives it on request only; ask on its page, then: hf auth login"
    elif "RevisionNotFoundError" in kinds:
        problem = "the hub has no such revision of it"
    elif "RepositoryNotFoundError" in kinds:
        problem = "no such directory here, and no such model on the hub (private: hf auth login)"
    elif "OfflineModeIsEnabled" in kinds or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        problem = "is not on this machine, and HF_HUB_OFFLINE forbids to fetch it"
    else:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        problem = f"no such directory here, and the hub did not answer ({text})"
    return ModelError(f"model '{name}': {problem}")
