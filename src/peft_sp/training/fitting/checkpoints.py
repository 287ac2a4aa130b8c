"""The directory of an unfinished run: whose it is, and its last whole checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from peft_sp.errors import OutputError
from peft_sp.io.atomic import PARTIAL, locked, write_text
from peft_sp.training.fitting.processes import is_first_process
from peft_sp.training.recipe import Recipe

COMPLETION_MARKER = "trainer_state.json"
"""The file that `transformers` writes last: a checkpoint without it was interrupted."""
RECIPE = "recipe.json"
_OWN = (RECIPE, f"{PARTIAL}*", "checkpoint-*", "targets-*")
"""Names of what a run leaves beside its checkpoints: teachers' answers, half-written files."""


def refuse_foreign_checkpoints(directory: Path) -> None:
    """Raise OutputError where a directory for checkpoints holds anything else, or is a link.

    What is in it is written over, and removed in the end.
    """
    if directory.is_symlink():
        raise OutputError(
            f"{directory}: is a link; put a directory in its place, or give another with -o"
        )
    foreign = sorted(path.name for path in _entries(directory) if not _is_own(path))
    if foreign:
        raise OutputError(
            f"{directory}: holds {foreign[0]}, which no run of this program leaves there; move it "
            "away, or give another directory with -o"
        )


def discard(directory: Path) -> None:
    """Remove the checkpoints of a run that is over, and their directory unless others use it."""
    if directory.is_symlink():
        return
    for path in filter(_is_own, _entries(directory)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        directory.rmdir()


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _is_own(path: Path) -> bool:
    """Whether a run leaves something of this name beside its checkpoints."""
    return not path.is_symlink() and any(fnmatchcase(path.name, own) for own in _OWN)


def refuse_other_run(directory: Path, recipe: Recipe, data_sha256: str) -> None:
    """Raise OutputError where the directory holds checkpoints of another recipe or other data.

    A run that left no whole checkpoint left nothing that another could spoil.
    """
    try:
        found = (directory / RECIPE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{directory / RECIPE}: cannot be read ({error})") from None
    if found != _identity(recipe, data_sha256) and any(map(_is_whole, _checkpoints(directory))):
        raise OutputError(
            f"{directory} holds a run of another recipe or of other data; give "
            "another directory, or remove it to start anew"
        )


@contextmanager
def claimed(directory: Path, recipe: Recipe, data_sha256: str) -> Iterator[None]:
    """Hold a run's directory, with the recipe written beside the checkpoints that are to come.

    To be entered when all that can keep a run from starting is behind it. The first process of
    a distributed run does it for all. Raises OutputError where another run has it, see
    `refuse_other_run`, or is in it now.
    """
    if not is_first_process():
        yield
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written ({error.strerror})") from None
    with locked(directory, f"{directory}: in use by another run; give another directory"):
        refuse_other_run(directory, recipe, data_sha256)
        write_text(directory / RECIPE, _identity(recipe, data_sha256))
        yield


def last_checkpoint(directory: Path) -> str | None:
    """The last checkpoint that is whole; a kill may have left half of one, which is removed."""
    whole = []
    for checkpoint in _checkpoints(directory):
        if _is_whole(checkpoint):
            whole.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return str(whole[-1]) if whole else None


def _identity(recipe: Recipe, data_sha256: str) -> str:
    # The data by their content: a path may be written in many ways, and its file may change.
    paths: Any = {"data": True, "search": True, "remainder": {"data", "homology"}}
    settings = recipe.model_dump(mode="json", exclude=paths)
    return json.dumps({**settings, "data_sha256": data_sha256}, indent=2) + "\n"


def _checkpoints(directory: Path) -> list[Path]:
    return sorted(directory.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


def _is_whole(checkpoint: Path) -> bool:
    return (checkpoint / COMPLETION_MARKER).exists()
