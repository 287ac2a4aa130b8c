"""What a person sees of a training run: a bar on a terminal, and lines now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from peft_sp.cli.terminal import console
from peft_sp.io.registry.accuracy import SUMMARY_METRICS, as_text
from peft_sp.wording import printable

if TYPE_CHECKING:
    from peft_sp.training.fitting.progress import Report

FIRST, PAUSE = 5.0, 30.0
"""Seconds to the first line of a phase, and between two."""
_PHASES = {
    "training": ("training", "step"),
    "teachers": ("teachers' answers", "window"),
    "frozen layers": ("output of frozen layers, once for all epochs", "window"),
    "evaluation": ("evaluation", "window"),
}
"""What is shown of each phase, and what it counts."""


class TrainingDisplay:
    """Shows the reports of runs, one after the other; `run` says which one they are of.

    bar: a progress bar of rich, None where standard error is no terminal.
    """

    def __init__(self, bar: Any = None) -> None:
        self.bar, self.run, self.named = bar, "", ""
        self.task = None if bar is None else bar.add_task("", total=None, detail="")
        self.pace = _Pace()
        self.loss: float | None = None
        self.due = 0.0

    def begin(self, run: str) -> None:
        """Announce the next run."""
        self.run, self.pace = run, _Pace()
        self.say(run)

    def beside(self, run: str) -> TrainingDisplay:
        """The display of one of several runs at a time: a bar of its own, lines that name it."""
        if self.bar is not None:
            self.bar.update(self.task, visible=False)
        other = TrainingDisplay(self.bar)
        other.begin(run)
        other.named = f"{run}: "
        return other

    def __call__(self, report: Report) -> None:
        """Show a report."""
        if self.pace.follow(report):
            self.due = time.monotonic() + FIRST
            self.loss = None
            if self.bar is not None:
                self.bar.reset(self.task)
        self.loss = report.figures.get("loss", self.loss)
        if self.bar is not None:
            phase = _PHASES[report.phase][0]
            shown = f"{self.run}: {phase}" if self.run else phase
            self.bar.update(
                self.task,
                completed=report.done,
                total=report.total,
                description=shown,
                detail=", ".join(self._details(report)),
            )
        elif self._is_over(report) or time.monotonic() >= self.due:
            self.due = time.monotonic() + PAUSE
            self._line(report)
        if "eval_selection" in report.figures:
            found = ", ".join(
                f"{m.title} {as_text(report.figures[f'eval_{m.name}'])}" for m in SUMMARY_METRICS
            )
            self.say(f"epoch {report.epoch:.3g}  validation: {found}")

    def say(self, line: str) -> None:
        """Print a line on standard error, above the bar where there is one."""
        line = self.named + line
        if self.bar is None:
            console.log(line)
        else:
            line = printable(line)
            self.bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _is_over(self, report: Report) -> bool:
        """Whether a phase has come to its end, which is said once however short it was.

        Not of an evaluation, of which each epoch has one.
        """
        over = report.phase != "evaluation" and report.done == report.total
        over, self.pace.ended = over and not self.pace.ended, over
        return over

    def _line(self, report: Report) -> None:
        phase, unit = _PHASES[report.phase]
        of = f"{unit} {report.done:,} of {report.total:,}"
        left = self.pace.seconds_left(report)
        details = [of, *self._details(report), *([f"{_span(left)} left"] if left else [])]
        self.say(f"{phase}: {', '.join(details)}")

    def _details(self, report: Report) -> list[str]:
        """Epoch, loss and rate, as far as they are known."""
        found = []
        if report.epochs:
            # The last step may be more than a fraction of an epoch asks for.
            found.append(f"epoch {min(report.epoch, report.epochs):.2f} of {report.epochs:g}")
        if self.loss is not None:
            found.append(f"loss {self.loss:.3f}")
        if rate := self.pace.rate(report):
            found.append(f"{rate:,.3g} {_PHASES[report.phase][1]}s/s")
        return found


class _Pace:
    """How fast a phase goes on, from where this run of it began."""

    def __init__(self) -> None:
        self.key: tuple[str, int] | None = None
        self.first, self.start, self.last = 0, 0.0, 0
        self.ended = False

    def follow(self, report: Report) -> bool:
        """Take in a report; whether it is the first of its phase."""
        key = report.phase, report.total
        begun = key != self.key or report.done < self.last
        if begun:
            self.key, self.first, self.start = key, report.done, time.monotonic()
            self.ended = False
        self.last = report.done
        return begun

    def rate(self, report: Report) -> float:
        """Steps or windows a second, 0 while it cannot be known."""
        elapsed = time.monotonic() - self.start
        return (report.done - self.first) / elapsed if elapsed > 0.1 else 0.0

    def seconds_left(self, report: Report) -> float:
        """Seconds to the end of the phase at this rate, 0 where that is unknown."""
        rate = self.rate(report)
        return (report.total - report.done) / rate if rate else 0.0


def _span(seconds: float) -> str:
    """A time span in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


@contextmanager
def training_display() -> Iterator[TrainingDisplay]:
    """The display of a command's runs, on standard error."""
    if not sys.stderr.isatty():
        yield TrainingDisplay()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeLeft(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield TrainingDisplay(bar)
