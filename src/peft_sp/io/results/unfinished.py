"""The folder of an unfinished run: what runs wrote into it is told from what others put there."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from peft_sp.errors import OutputError
from peft_sp.io.atomic import PARTIAL, replace_file
from peft_sp.io.registry.regular import read_regular
from peft_sp.io.results.protection import RECORD, Protection

JOURNAL = "journal"
NAMES = "names"
"""Names of the files that a run may write into the folder: nothing else in it is ever removed."""

_MOST = 1 << 16
"""Bytes of these names."""


class UnfinishedFolder:
    """A folder that a run works in; protection: of the run that looks at it now."""

    def __init__(self, path: Path, protection: Protection) -> None:
        self.path = path
        self.journal = path / JOURNAL
        self._marker = path / NAMES
        self._protection = protection

    def make(self) -> None:
        """Make it, with the names of this run's files in it. Raises OSError and makes nothing."""
        self.path.mkdir()
        try:
            replace_file(self._marker, "\n".join(self._protection.names).encode())
        except OSError:  # without these names it would be another's to the next run
            self.path.rmdir()
            raise

    @property
    def is_there(self) -> bool:
        """Whether anything has its name."""
        return os.path.lexists(self.path)

    @property
    def was_made_here(self) -> bool:
        """Whether a run made it."""
        return self._marker.is_file() and not self.path.is_symlink()

    def refuse_links(self) -> None:
        """Raise OutputError where it, or anything in it, is a link: what is there is elsewhere."""
        for path in (self.path, *([] if self.path.is_symlink() else self.path.rglob("*"))):
            if path.is_symlink():
                raise self._foreign(path)

    def files(self) -> list[Path]:
        """What stands in it, but for other folders."""
        found = sorted(self.path.rglob("*"))
        return [path for path in found if path.is_symlink() or not path.is_dir()]

    def refuse_foreign(self) -> None:
        """Raise OutputError where something stands there that no run has written."""
        if not self.is_there:
            return
        if self.path.is_symlink() or not self.path.is_dir():
            foreign = [self.path]
        else:
            foreign = [path for path in self.files() if path not in self._own()]
        if foreign and self.journal.is_file() and not self._marker.exists():
            raise OutputError(
                f"{self.path}: an unfinished run of an earlier version of this program is here; "
                f"remove it to start anew, or choose another directory with "
                f"{self._protection.option}"
            )
        if foreign:
            raise self._foreign(foreign[0])

    def _foreign(self, path: Path) -> OutputError:
        return OutputError(
            f"{path}: was not written by this program, but stands where it keeps an unfinished "
            f"run; move it away, or choose another with {self._protection.option}"
        )

    def clear(self) -> None:
        """Remove it with what runs wrote into it; what others put there stays."""
        own = self._own()
        with suppress(OSError):
            for path in own:
                if path not in (self._marker, self.journal):
                    path.unlink()
            folders = sorted(path for path in self.path.rglob("*") if path.is_dir())
            for folder in reversed(folders):
                folder.rmdir()
            self.journal.unlink(missing_ok=True)
            self._marker.unlink(missing_ok=True)
            self.path.rmdir()

    def _own(self) -> list[Path]:
        """Files in it that a run wrote, by the names that it left and that runs have."""
        try:
            text = read_regular(self._marker, _MOST, links=False).decode("utf-8", "replace")
        except OSError:
            text = ""
        # A kill may have come between the record and the journal that says the run is whole.
        record = (RECORD,) if text else ()
        written = replace(self._protection, names=(*text.split("\n"), *record))
        known = replace(self._protection, names=(*self._protection.known, RECORD))
        return [
            path
            for path in self.files()
            for name in [path.relative_to(self.path).as_posix()]
            if path in (self._marker, self.journal)
            or path.name.startswith(PARTIAL)
            or (written.owns(name) and known.owns(name))
        ]
