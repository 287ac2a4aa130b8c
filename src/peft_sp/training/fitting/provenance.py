"""Where and by which code a network was trained."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from pathlib import Path

import torch

from peft_sp import version
from peft_sp.wording import counted


def device_name(device: torch.device) -> str:
    """What computed: a GPU by its name, or the processor with its number of threads."""
    if device.type == "cuda":
        return f"GPU, {torch.cuda.get_device_name(device)}"
    if device.type != "cpu":
        return device.type
    return f"CPU, {counted(torch.get_num_threads(), 'thread')}"


def commit() -> str | None:
    """The git commit of this package, with "-dirty" where its tree was changed since.

    Of a working tree, or of what pip fetched from a repository; None for a release.
    """
    source = Path(version.__file__)
    # Asked for a file of its own: a release may be installed inside a tree of someone else's.
    if _git(source.parent, "ls-files", "--error-unmatch", source.name):
        return _git(source.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        origin = metadata.distribution("peft-sp").read_text("direct_url.json")
        found = json.loads(origin or "{}").get("vcs_info", {}).get("commit_id")
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def _git(directory: Path, *arguments: str) -> str | None:
    """What git says, None where there is no git or it fails."""
    command = ["git", "-C", str(directory), *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip() or None
