"""Packs as pip leaves them: a package's folder and its metadata on Python's path."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Site:
    """A folder for installed packages, which stands on Python's path."""

    folder: Path

    def package(self, *parts: str) -> Path:
        """A package that may be found but not imported."""
        folder = self.folder.joinpath(*parts)
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
        return folder

    def install(self, name: str, version: str, points: str, metadata: str | None = None) -> None:
        """The metadata of a distribution with some text of entry points."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        plain = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(plain if metadata is None else metadata)
        (info / "entry_points.txt").write_text(points)
        importlib.invalidate_caches()
