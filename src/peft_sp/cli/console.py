"""What a person sees of a prediction run: progress, the counts, and notes on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.organism import BY_HEADER
from peft_sp.biology.prediction import MECHANISM_OF_TYPE
from peft_sp.inference.run import PLOTS, SUMMARY, Progress, RunInfo


def note(message: str) -> None:
    """One line on standard error."""
    print(f"peft-sp: {message}", file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A progress bar on standard error where that is a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, rate="")
        first: tuple[int, float] | None = None

        def show(done: int, total: int) -> None:
            nonlocal first
            # The rate is of what this run has done; an earlier one may have done some before.
            first = first or (done, time.monotonic())
            rate = (done - first[0]) / max(time.monotonic() - first[1], 1e-3)
            shown = f"{rate:,.0f}/s" if done > first[0] else ""
            bar.update(task, completed=done, total=total, rate=shown)

        yield show


def report(run: RunInfo) -> None:
    """Print the counts of types and the files there are now."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{run.count:,} protein{'' if run.count == 1 else 's'}", title_justify="left"
    )
    table.add_column("type")
    table.add_column("pathway")
    table.add_column("proteins", justify="right")
    table.add_column("share", justify="right")
    for name in TYPES:
        if number := run.types.get(name, 0):
            share = f"{number / run.count:.1%}"
            table.add_row(name, MECHANISM_OF_TYPE[name], f"{number:,}", share)
    console = Console()
    console.print(table)
    console.print("written to", f"{run.directory.rstrip('/')}/", style=None, highlight=False)
    for name in run.files:
        console.print(f"  {name}", highlight=False)


def notes(run: RunInfo, directory: str = "") -> None:
    """What a person should know of a run, on standard error; directory: "" for a stream."""
    older = [
        name
        for name in (SUMMARY, f"{PLOTS}/")
        if directory and name not in run.files and Path(directory, name).exists()
    ]
    if older:
        note(f"{' and '.join(older)} in {directory} are of an earlier run")
    if run.organism == BY_HEADER and run.types:
        eukarya, other, undecided = (
            run.organisms.get(name, 0) for name in ("eukarya", "other", "undecided")
        )
        note(
            f"organisms by header: eukarya {eukarya:,}, other {other:,}, "
            f"undecided {undecided:,} (predicted as other)"
        )
    if run.warnings:
        where = f" in {Path(directory, run.files[0])}" if directory else ""
        note(f"proteins with a warning: {run.warnings}; see the column warnings{where}")
    for error in run.skipped:
        note(f"skipped: {error}")
    if run.skipped:
        note(f"records skipped: {len(run.skipped)}")
