"""Output files that appear whole or not at all, and runs that survive being stopped."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

from peft_sp.errors import ChangedInputError, OutputError
from peft_sp.io.atomic import PARTIAL, locked, sync_directory
from peft_sp.io.results.journal import Journal, NotContinuedError, damaged
from peft_sp.io.results.protection import EARLIER, RECORD, UNFINISHED, Protection
from peft_sp.io.results.unfinished import JOURNAL, NAMES, UnfinishedFolder
from peft_sp.wording import counted

INTERVAL = 5.0
"""Seconds of work that may be lost, at least."""
MANY = 64
"""More files than these are brought to disk by one call for the whole system, which is faster."""
SHARE = 0.02
"""Part of the time that may go into journals, at most: where they are slow, they are fewer."""
Resume = bool | Literal["if possible"]
"""What becomes of an unfinished run: it is refused (False), continued or refused with the reason
(True), or continued or else discarded ("if possible")."""


class RunDirectory:
    """The files of a run: written in a folder of their own, moved out together at the end.

    A context manager. A run that fails or is stopped leaves nothing, not even a directory it
    made; but once `mark` has recorded how far it got, the folder stays, and a later run with the
    same `identity` and `resume` continues from there. The same holds for a run that is killed, at
    any moment. How a failure left things is noted on the exception.

    identity: what decides the output, by name, in words for people. Then `resumed` tells whether
    an earlier run is continued, `done` how many proteins it finished, `earlier` what it recorded,
    None in a new run. read: makes that of its journal; raises ValueError where no run wrote it.
    `whole`: it had finished all, and its files are in the directory now. `restarted`: which
    unfinished run is discarded, and why, "" where none is; it is kept until the first journal of
    this one, and is there again where this one ends before. protection: what the files may replace.
    interval, share: see `INTERVAL` and `SHARE`.

    Raises OutputError where the directory cannot be made or written, where another run writes
    into it, where an unfinished one is there and `resume` was not asked for, where it is
    damaged or had another identity, and where something is in the way that is not to be replaced.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        identity: Mapping[str, str] | None = None,
        resume: Resume = False,
        *,
        protection: Protection | None = None,
        read: Callable[[Journal], Any] = lambda journal: journal.state,
        interval: float = INTERVAL,
        share: float = SHARE,
    ) -> None:
        self.directory = Path(directory)
        self._protection = protection or Protection(self.directory)
        self._option = self._protection.option
        self.identity = identity or {}
        self._resume, self._read = resume, read
        self._interval, self._share = interval, share
        self._staging = self.directory / UNFINISHED
        self._folder = UnfinishedFolder(self._staging, self._protection)
        self._earlier = UnfinishedFolder(self.directory / EARLIER, self._protection)
        self._journal = self._folder.journal
        self._recorded: Journal | None = None
        self._open: dict[str, TextIO] = {}
        self._unsynced: list[Path] = []
        self._folders: list[Path] = []
        self._made: list[Path] = []
        self._lock = ExitStack()
        self._due = 0.0
        self._ended = self._set_aside = False
        self.resumed = False
        self.earlier: Any = None
        self.restarted = ""

    @property
    def done(self) -> int:
        """Proteins whose output would survive a kill."""
        return self._recorded.done if self._recorded else 0

    @property
    def whole(self) -> bool:
        """Whether an earlier run left nothing to do."""
        return self._recorded is not None and self._recorded.whole

    def __enter__(self) -> RunDirectory:
        self._made = [p for p in (self.directory, *self.directory.parents) if not p.exists()]
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock.enter_context(locked(self.directory, _busy(self.directory, self._option)))
            self._settle()
            if not self._resume:
                refuse_unfinished(self.directory, self._option, is_held=True)
            self._begin()
        except BaseException as error:
            self._leave()
            if isinstance(error, OSError):
                raise self._error(error) from None
            raise
        self._due = time.monotonic() + self._interval
        return self

    def _settle(self) -> None:
        """Where a kill left two unfinished runs: the new one counts once it has a journal."""
        for folder in (self._folder, self._earlier):
            folder.refuse_links()
            self._protection.refuse_inputs(folder.path)
        if not self._earlier.was_made_here:
            return
        if self._journal.exists():
            self._earlier.clear()
            return
        self._folder.refuse_foreign()
        self._bring_back()

    def _bring_back(self) -> None:
        """The earlier run is the unfinished one again; this one left nothing to continue."""
        self._folder.clear()
        self._earlier.path.rename(self._staging)

    def _begin(self) -> None:
        try:
            self._recorded = self._unfinished()
        except NotContinuedError as error:
            if self._resume != "if possible":
                raise
            self.restarted = f"{error.problem}; {error.loss}, and the run starts anew"
        self.resumed = self._recorded is not None
        if self.resumed:
            if self.whole:
                self._move()
            return
        # All is looked at before anything is removed.
        self._folder.refuse_foreign()
        if self.restarted:
            self._staging.rename(self._earlier.path)
            self._set_aside = True
        elif self._folder.is_there:
            self._folder.clear()  # nothing was finished there that could be lost
        self._folder.make()

    def _unfinished(self) -> Journal | None:
        """The journal of a run that this one continues. Raises NotContinuedError."""
        journal = Journal.read(self._journal)
        if journal is None:
            return None
        journal.compare(self.identity, self._staging)
        for name, size in journal.files.items():
            path = self._staging / name
            if journal.whole and not path.exists():
                path = self.directory / name  # moved already
            if not path.is_file() or path.stat().st_size < size:
                raise damaged(path)
        try:
            self.earlier = self._read(journal)
        except ValueError:
            raise damaged(self._journal) from None
        return journal

    def open(self, name: str) -> TextIO:
        """A text file that will be called `name`; after a resume it continues where it ended."""
        path = self._staging / name
        size = self._recorded.files.get(name) if self._recorded else None
        try:
            if size is not None:
                os.truncate(path, size)
            mode = "w" if size is None else "a"
            # Names of files may hold bytes that are no UTF-8.
            file: TextIO = path.open(  # type: ignore[assignment]
                mode, encoding="utf-8", errors="backslashreplace", newline="\n"
            )
        except OSError as error:
            raise self._error(error) from None
        self._open[name] = file
        return file

    def path(self, name: str) -> Path:
        """Where to write a file of its own, such as a picture, that will be called `name`.

        It may be in a folder, and may be there already from a run that was stopped.
        """
        path = self._staging / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._error(error) from None
        self._unsynced.append(path)
        return path

    def mark(self, done: int, state: Callable[[], Mapping[str, Any]]) -> None:
        """All output of `done` proteins is written: the run can be resumed from here.

        Recorded on disk at most every `interval` seconds; only then `state` is called. The data
        are on disk before the journal that counts on them.
        """
        start = time.monotonic()
        if start < self._due:
            return
        journal = Journal(self.identity, done, self._sync(), state())
        self._record(journal)
        end = time.monotonic()
        self._due = end + max(self._interval, (end - start) / self._share)

    def complete(self, done: int = 0, state: Mapping[str, Any] | None = None) -> None:
        """All files are whole: let them appear. From here on only moving them is left.

        Leaving the context does the same, without a state. Raises OSError.
        """
        for file in self._open.values():
            file.flush()
        if finished := self._finished():
            self._protection.record(finished, self._staging)
            self._unsynced.append(self._staging / RECORD)
        sizes = self._sync()
        for file in self._open.values():
            file.close()
        journal = Journal(self.identity, done, sizes, state or {}, whole=True)
        self._record(journal)
        self._move()

    def _record(self, journal: Journal) -> None:
        journal.write(self._journal)
        self._recorded = journal
        if self._set_aside:
            self._earlier.clear()
            self._set_aside = False

    def _sync(self) -> dict[str, int]:
        """Have everything outlast a power cut; bytes of each open file."""
        sizes = {}
        for name, file in self._open.items():
            file.flush()
            os.fsync(file.fileno())
            sizes[name] = os.fstat(file.fileno()).st_size
        # Files in folders are known to the caller alone; one call for the whole system covers them.
        if (self._folders or len(self._unsynced) > MANY) and hasattr(os, "sync"):
            for path in self._unsynced:
                path.stat()  # an error where the caller has not written it
            os.sync()
        else:
            for path in self._unsynced:
                with path.open("rb") as written:
                    os.fsync(written.fileno())
        self._unsynced.clear()
        return sizes

    def _finished(self) -> list[str]:
        """Names of the files of the run that stand in its folder."""
        names = [path.relative_to(self._staging).as_posix() for path in self._folder.files()]
        # A kill may have left a journal that is not whole.
        own = {JOURNAL, NAMES, RECORD}
        return [
            name
            for name in names
            if name not in own
            and self._protection.owns(name)
            and not Path(name).name.startswith(PARTIAL)
        ]

    def _move(self) -> None:
        names = self._finished()
        self._protection.check_files(names)
        self._protection.remove_former(self._staging)
        # The record of what may be replaced comes last: until then it speaks of the files before.
        for name in (*names, RECORD):
            path, target = self._staging / name, self.directory / name
            if path.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
        sync_directory(self.directory)
        self._ended = True
        self._folder.clear()

    def folder(self, name: str) -> Path:
        """A folder that will be called `name`, for files that the caller writes and closes.

        Files that stand there stay, but for those of its names and the results of earlier runs.
        """
        folder = self._staging / name
        target = self.directory / name
        try:
            if target.exists() and not target.is_dir():
                # Raised now: at the end other files would have been moved already.
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise self._error(error) from None
        self._folders.append(folder)
        return folder

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failure = error
        try:
            if failure is None and not self._ended:
                self.complete()
        except BaseException as problem:
            failure = problem
        for file in self._open.values():
            try:
                file.close()
            except OSError as problem:  # what is still buffered has nowhere to go
                failure = failure or problem
        if failure is not None and self._recorded is None:
            # A signal may have come between the journal and the memory of it.
            with suppress(OutputError):
                self._recorded = Journal.read(self._journal)
        if isinstance(failure, ChangedInputError):  # what is done may be of either
            self._recorded = None
        self._leave(failure)
        if isinstance(failure, OSError):
            raise self._error(failure) from None
        if failure is not None and not self._ended:
            failure.add_note(self._left())
        if failure is not None and failure is not error:
            raise failure

    def _leave(self, failure: BaseException | None = None) -> None:
        """Let go of the directory; what cannot be resumed is removed."""
        if failure is not None and self._recorded is None:
            self._folder.clear()
        if self._set_aside and self._recorded is None:
            with suppress(OSError):  # the next run brings it back
                self._bring_back()
        if not self._ended:
            for folder in self._made:
                try:
                    folder.rmdir()
                except OSError:
                    break
        self._lock.close()

    def _left(self) -> str:
        if self._recorded is None:
            return "the unfinished run there is kept" if self._set_aside else "nothing was written"
        how = "" if self._resume == "if possible" else " with --resume"
        done = counted(self.done, "protein is", "proteins are")
        return f"{done} done; the same command{how} continues"

    def _error(self, error: OSError) -> OutputError:
        try:
            self._protection.refuse_file()
        except OutputError as in_the_way:
            return in_the_way
        remedy = self._left()
        if self._recorded is None:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = f"{'make room, or ' if full else ''}choose another with {self._option}"
        return OutputError(f"{self.directory}: cannot be written ({error.strerror}); {remedy}")


def refuse_unfinished(
    directory: str | os.PathLike[str], option: str = "-o", is_held: bool = False
) -> None:
    """Raise OutputError where a run was not finished, or is under way."""
    path = Path(directory)
    journal = Journal.read(path / UNFINISHED / JOURNAL)
    if journal is None:
        return
    if not is_held:
        with locked(path, _busy(path, option)):
            pass
    raise OutputError(
        f"{path}: an unfinished run is here ({counted(journal.done, 'protein')} done); pass "
        f"--resume to continue it, or remove {path / UNFINISHED} to start anew"
    )


def _busy(directory: Path, option: str) -> str:
    return f"{directory}: another run is writing here; wait for it, or choose another with {option}"
