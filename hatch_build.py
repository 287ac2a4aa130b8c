"""What package indexes show of README.md, whose relative links lead nowhere there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "PEFT_SP_REPOSITORY"
"""The variable with the address of the repository that a release is built for, which the release
workflow sets. Without it the metadata name no address, and links become their text."""
_INSTALL = re.compile(r"(pip install '?)\.(?=[ \[])(.*?# )?(?:in a clone of this repository; )?")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")


def readme(text: str, repository: str, version: str) -> str:
    """README for who has no clone: installed by name, with links that lead to this version's files.

    repository: where these are, "" for nowhere.
    """

    def absolute(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        if not repository:
            return "" if image else words
        kind = "raw" if image else "blob"
        return f"{image}[{words}]({repository}/{kind}/v{version}/{target})"

    return _LINK.sub(absolute, _INSTALL.sub(r"\1peft-sp\2", text))


def urls(repository: str, version: str) -> dict[str, str]:
    """Where a project is to be found."""
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/v{version}/docs",
        "Changelog": f"{repository}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


class Readme(MetadataHookInterface):
    """Fills `readme` and `urls`."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both to the metadata, of which the version is known."""
        repository = os.environ.get(REPOSITORY, "").rstrip("/")
        version = metadata["version"]
        text = readme(Path(self.root, "README.md").read_text("utf-8"), repository, version)
        metadata.setdefault("readme", {"content-type": "text/markdown", "text": text})
        if repository:
            metadata.setdefault("urls", urls(repository, version))
