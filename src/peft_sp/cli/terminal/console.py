"""What a person sees: lines, tables, the progress of a prediction run and its counts.

Only this file prints. Names of files and models are shown as they are, on one line, but for what
would act on a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.notes import OF_ANOTHER
from peft_sp.biology.organism import BY_HEADER, Organism
from peft_sp.biology.prediction import MECHANISM_OF_TYPE
from peft_sp.cli.terminal.streams import ReaderGone
from peft_sp.errors import OutputError
from peft_sp.inference.run import UNDECIDED, Progress, RunInfo
from peft_sp.inference.run_options import ON_DEMAND
from peft_sp.wording import counted, printable

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str = "") -> None:
    """Lines on standard output."""
    print("\n".join(map(printable, text.split("\n"))))


def log(message: str) -> None:
    """One line on standard error, of a command that reports as it goes."""
    print(printable(message), file=sys.stderr)


def log_help(text: str) -> None:
    """Lines of help on standard error, as they are."""
    print(text, file=sys.stderr)


def note(message: str) -> None:
    """One line on standard error that says who writes it."""
    log(f"peft-sp: {message}")


def screen() -> Console:
    """Standard output for tables; brackets in a text are brackets."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


class _Pace:
    """The rate of a run and the time that is left, as texts."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def of(self, done: int, total: int) -> tuple[str, str]:
        """Both; empty until something is done."""
        # The rate is of what this run has done; an earlier one may have done some before.
        self._first = self._first or (done, time.monotonic())
        rate = (done - self._first[0]) / max(time.monotonic() - self._first[1], 1e-3)
        if rate <= 0:
            return "", ""
        return f"{rate:,.0f}/s", f"{timedelta(seconds=round((total - done) / rate))}"


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A progress bar on standard error where that is a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    texts = (TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[left]}"))
    columns = (BarColumn(), MofNCompleteColumn(), *texts)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, pace = bar.add_task("", total=None, rate="", left=""), _Pace()

        def show(done: int, total: int) -> None:
            rate, left = pace.of(done, total)
            bar.update(task, completed=done, total=total, rate=rate, left=left)

        yield show


def progress_lines(every: float = 60) -> Progress:
    """Progress of a run of hours for its log: a line on standard error, so many seconds apart."""
    pace, last = _Pace(), time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        rate, left = pace.of(done, total)
        if rate and time.monotonic() >= last + every:
            last = time.monotonic()
            note(f"{done:,} of about {counted(total, 'protein')}, {rate}, {left} left")

    return show


def report(run: RunInfo) -> None:
    """Print the counts of types and the files there are now, which need no reader."""
    try:
        _print_counts(run)
        sys.stdout.flush()
    except ReaderGone:
        pass
    except OutputError as error:
        note(f"{error}; the results in {run.directory} are whole")


def _print_counts(run: RunInfo) -> None:
    from rich.table import Table

    say(f"{counted(run.count, 'protein')}, {run.settings}")
    table = Table()
    table.add_column("type")
    table.add_column("pathway")
    table.add_column("proteins", justify="right")
    table.add_column("fraction", justify="right")
    for name in TYPES:
        if number := run.types.get(name, 0):
            fraction = f"{number / run.count:.1%}"
            table.add_row(name, MECHANISM_OF_TYPE[name], f"{number:,}", fraction)
    screen().print(table)
    say(f"written to {run.directory.rstrip('/')}/")
    for name in run.files:
        say(f"  {name}")


def notes(run: RunInfo, directory: str = "") -> None:
    """What a person should know of a run, on standard error; directory: "" for a stream."""
    older = [
        name
        for name in ON_DEMAND
        if directory and name not in run.files and Path(directory, name).exists()
    ]
    if older:
        note(f"of an earlier run, and left as they were in {directory}: {', '.join(older)}")
    if run.organism == BY_HEADER and run.types:
        by_header(run)
    if run.warnings:
        where = f" in {Path(directory, run.files[0])}" if directory else ""
        kinds = [f"{text}: {number:,}" for text, number in sorted(run.notes.items())]
        note(
            f"proteins with a warning: {run.warnings:,} ({', '.join(kinds)}); "
            f"see the column warnings{where}"
        )
    of_renamed(run, "ids")
    of_another_organism(run, " or --organism auto")
    for error in run.skipped:
        note(f"skipped: {error}")
    if run.unusable:
        named = f"; the first {len(run.skipped):,} are named here"
        note(f"records skipped: {run.unusable:,}{named if run.unusable > len(run.skipped) else ''}")


def by_header(run: RunInfo) -> None:
    """Say what the headers' organisms are, and what to do where they name none."""
    counts = (f"{name} {run.organisms.get(name, 0):,}" for name in (*Organism, UNDECIDED))
    remedy = (
        "; if they are of eukaryotes, give --organism eukarya"
        if run.organisms.get(UNDECIDED)
        else ""
    )
    note(f"organisms by header: {', '.join(counts)} (predicted as other{remedy})")


def of_renamed(run: RunInfo, names: str) -> None:
    """Say that names stand more than once in the input, and how results tell them apart."""
    if run.renamed:
        note(
            f"{names} that stood before, with a number behind them in the results: "
            f"{run.renamed:,}; the first: {run.renaming}"
        )


def of_another_organism(run: RunInfo, more: str = "") -> None:
    """Say that headers name another organism than was predicted for, and which option helps."""
    for predicted, wording in OF_ANOTHER.items():
        if number := run.notes.get(wording):
            right = Organism.EUKARYA if predicted is Organism.OTHER else Organism.OTHER
            whose = "eukaryotes" if right is Organism.EUKARYA else "bacteria or archaea"
            note(
                f"proteins of {whose} by their headers, predicted as {predicted}: {number:,} "
                f"of {run.count:,}; give --organism {right}{more}"
            )
