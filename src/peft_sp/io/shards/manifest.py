"""What a finished shard says of itself: what it read, what it gave, and the checksums of its files.

A shard is done when its folder holds a manifest: the folder appears whole, under its name, with all
its files in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import file_digest
from pathlib import Path
from typing import Any

from peft_sp.io.registry.strict_json import FieldError, JsonError, read_json

FILE = "manifest.json"
ERRORS = "errors.tsv"
"""Records that could not be predicted: their number in the shard, file, id and what is wrong."""


@dataclass(frozen=True)
class ReadPart:
    """A part as it was read; bytes: from its first header to its end; records: in it."""

    file: str
    start: int
    stop: int
    bytes: int
    checksum: str
    records: int


@dataclass(frozen=True)
class Manifest:
    """A finished shard.

    plan: checksum of its plan; records = results + errors; types, organisms, warnings: counts of
    the results; model: its fingerprint; files: bytes and SHA-256 by name; seconds: it took.
    """

    plan: str
    shard: int
    records: int
    results: int
    errors: int
    types: Mapping[str, int]
    organisms: Mapping[str, int]
    warnings: int
    parts: tuple[ReadPart, ...]
    model: str
    version: str
    runtime: str
    files: Mapping[str, tuple[int, str]]
    seconds: float

    def write(self, folder: Path) -> None:
        """Write the file into a folder that is not public yet. Raises OSError."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")


def checksums(folder: Path) -> dict[str, tuple[int, str]]:
    """Bytes and SHA-256 of the files in a folder but the manifest, by name. Raises OSError."""
    found = {}
    for file in sorted(folder.iterdir()):
        if file.name != FILE:
            with file.open("rb") as content:
                digest = file_digest(content, "sha256").hexdigest()
            found[file.name] = (file.stat().st_size, digest)
    return found


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a shard's folder, None where there is none.

    Raises ValueError for a file that no shard wrote, OSError where it cannot be read.
    """
    try:
        content = read_json(folder / FILE)
    except FileNotFoundError:
        return None
    except (JsonError, FieldError) as error:
        raise ValueError(f"{FILE} cannot be read ({error})") from None
    try:
        return _manifest(content)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{FILE} is not of a shard ({error})") from None


def _manifest(content: Mapping[str, Any]) -> Manifest:
    expected = {one.name for one in fields(Manifest)}
    if content.keys() != expected:
        raise TypeError(f"its keys are not {', '.join(sorted(expected ^ content.keys()))}")
    parts = tuple(ReadPart(**part) for part in content["parts"])
    files = {name: (int(size), str(digest)) for name, (size, digest) in content["files"].items()}
    manifest = Manifest(**{**content, "parts": parts, "files": files})
    counts = (manifest.shard, manifest.records, manifest.results, manifest.errors)
    if not all(isinstance(count, int) for count in counts):
        raise TypeError("its counts are no numbers")
    return manifest
