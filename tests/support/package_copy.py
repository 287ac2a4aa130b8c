"""A copy of the package that a test changes and runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scripts.architecture import SOURCE

from tests.support import forked
from tests.support.paths import ROOT


class Copy:
    """A copy of the package that can be changed, and programs that run with it."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "src" / "peft_sp"
        shutil.copytree(SOURCE, self.package, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        path = self.package / name
        text = path.read_text()
        for old, new in changes:
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new)
        path.write_text(text)

    def add(self, name: str, text: str) -> None:
        (self.package / name).write_text(text)

    def peft_sp(self, *arguments: object) -> str:
        """What a command of the copy prints."""
        words = ["peft-sp", *map(str, arguments)]
        return self.run(
            f"import sys; from peft_sp.cli.main import main; sys.argv = {words!r}; main()"
        )

    def run(self, code: str) -> str:
        """What some code prints that uses the copy."""
        search = os.pathsep.join([str(self.package.parent), str(ROOT)])
        around = {**os.environ, "PYTHONPATH": search}
        found, output, errors = forked.run(program=code, kind="others", environment=around)
        assert found == 0, errors
        return output
