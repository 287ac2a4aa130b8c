"""What predictions leave: files that a run can go on with, and what a person is told."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import typer

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction, Protein
from peft_sp.inference.backends import runtime
from peft_sp.inference.cache import Memory
from peft_sp.inference.predictor import MODES, Predictor
from peft_sp.io import signalp6, tables
from peft_sp.io.fasta import Survey
from peft_sp.io.registry import lookup
from peft_sp.io.run_directory import OutputFiles
from peft_sp.version import __version__

PLOTS = "plots"
"""Folder of the pictures."""


@dataclass(frozen=True)
class Look:
    """What there will be to look at: of which input, in which format, drawn by how many.

    pictures: a kind of picture, None for none; tidy: predictions.tsv beside SignalP 6's files.
    """

    source: str
    pictures: str | None = None
    summarised: bool = False
    processes: int = 1
    tidy: bool = True

    def __str__(self) -> str:
        return ", ".join((*([self.pictures] if self.pictures else []), *self.names)) or "none"

    @property
    def names(self) -> list[str]:
        """Files and folders, as they are listed at the end."""
        return [
            *(["summary.html"] if self.summarised else []),
            *([f"{PLOTS}/"] if self.pictures else []),
        ]


def now() -> datetime:
    """The time that files give as theirs; SOURCE_DATE_EPOCH may set it, as in package builds."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return datetime.now()
    try:
        return datetime.fromtimestamp(int(given), UTC)
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(f"SOURCE_DATE_EPOCH is '{given}'; give seconds") from None


def identity(
    command: str,
    survey: Survey,
    model: lookup.Model | str,
    predictor: Predictor,
    organism: str,
    batch_size: int | None,
    look: Look,
) -> dict[str, str]:
    """All that decides the output of a run, for one that goes on with it."""
    backend = predictor.backend
    return {
        "command": command,
        "version": __version__,
        "input": f"{survey.count:,} proteins with hash {survey.fingerprint}",
        "number of skipped records": str(len(survey.skipped)),
        "model": f"hash {lookup.fingerprint(lookup.locate(model))}",
        "organism": organism,
        "batch size": str(batch_size or backend.batch_size),
        "pictures": str(look),
        "runtime": f"{runtime(backend)}, numpy {np.__version__}",
    }


def count(prediction: Prediction, counts: Counter[str]) -> None:
    """Count a prediction: its type, its organism, and whether it has a warning."""
    counts[prediction.type] += 1
    counts["undecided" if prediction.undecided else prediction.organism] += 1
    counts["warnings"] += bool(prediction.protein.warnings)


@dataclass
class _Looks:
    """What draws and what writes the page, where either was asked for."""

    page: Any
    plotter: Any

    def write(self, prediction: Prediction) -> None:
        if self.page:
            self.page.write(prediction)
        if self.plotter:
            self.plotter.add(prediction)

    def pass_over(self, protein: Protein) -> None:
        """Its picture, and its part of the page, are there from an earlier run."""
        if self.plotter:
            self.plotter.pass_over(protein)

    def state(self) -> Any:
        """What the page has counted; all pictures so far are drawn."""
        if self.plotter:
            self.plotter.drain()
        return self.page.state() if self.page else None


def _looks(
    files: OutputFiles, run: signalp6.Run, look: Look, source: str, chunk: int, drawing: ExitStack
) -> _Looks:
    page = plotter = None
    if look.summarised:
        from peft_sp.io.plotting.summary import page as summary

        about = summary.About(
            tool=run.tool,
            model=run.mode,
            source=source,
            organism=run.organism,
            types=MODES[run.organism],
            skipped=run.failed,
        )
        begun = files.state["page"] if files.resumed else None
        page = summary.SummaryWriter(files.open(summary.FILE), about, begun, chunk=chunk)
    if look.pictures:
        from peft_sp.io.plotting import plotter as plots

        place = files.folder(PLOTS)
        plotter = drawing.enter_context(plots.Plotter(place, look.pictures, look.processes))
    return _Looks(page, plotter)


def write(
    files: OutputFiles,
    run: signalp6.Run,
    predictions: Iterator[Prediction],
    proteins: Iterator[Protein],
    memory: Memory,
    chunk: int,
    look: Look,
) -> Counter[str]:
    """Write all files; how many proteins of each type and organism, and with warnings.

    predictions: of `proteins`, which are read as predictions are asked for, a `chunk` at a time.
    An earlier run is gone on with behind its last whole chunk, with what it remembered.
    """
    started = (run.time or now()).isoformat()
    about = {"time": started, "directory": run.directory, "source": look.source}
    counts: Counter[str] = Counter()
    if files.resumed:
        about = {name: files.state[name] for name in about}
        counts.update(files.state["counts"])
        memory.restore(files.state.get("memory", []))
    run = replace(run, time=datetime.fromisoformat(about["time"]), directory=about["directory"])
    done = files.done
    if files.whole:  # all but the moving of the files was done
        return counts
    with progress(run.count, done) as advance, ExitStack() as drawing:
        table = None
        if look.tidy:
            table = tables.TableWriter(files.open(tables.FILE), begun=files.resumed)
        compatible = signalp6.SignalP6Writer(files, run)
        looks = _looks(files, run, look, about["source"], chunk, drawing)

        def state() -> dict[str, Any]:
            kept = {"counts": counts, "memory": memory.state(), "page": looks.state()}
            return {**about, **kept}

        for protein in islice(proteins, done):
            compatible.pass_over(protein)
            looks.pass_over(protein)
        for number, prediction in enumerate(predictions, done + 1):
            if table is not None:
                table.write(prediction)
            compatible.write(prediction)
            looks.write(prediction)
            count(prediction, counts)
            advance()
            if number % chunk == 0:
                files.mark(number, state)
        compatible.finish()
        if looks.page:
            looks.page.finish()
        drawing.close()
        files.complete(run.count, {**about, "counts": counts})
    return counts


@contextmanager
def progress(total: int, before: int = 0) -> Iterator[Any]:
    """A progress bar on standard error where that is a terminal; yields what advances it.

    before: of the total, what an earlier run has done.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=before, rate="")
        start = time.monotonic()
        done = pending = 0

        def advance() -> None:
            nonlocal done, pending
            done, pending = done + 1, pending + 1
            if pending == 256:
                rate = done / max(time.monotonic() - start, 1e-3)
                bar.update(task, completed=before + done, rate=f"{rate:,.0f}/s")
                pending = 0

        yield advance


def summarise(counts: Counter[str], survey: Survey, output: str, look: Look) -> None:
    """Print the counts of types and the files there are now."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{survey.count:,} protein{'' if survey.count == 1 else 's'}", title_justify="left"
    )
    table.add_column("type")
    table.add_column("pathway")
    table.add_column("proteins", justify="right")
    table.add_column("share", justify="right")
    for name in TYPES:
        if counts[name]:
            share = f"{counts[name] / survey.count:.1%}"
            table.add_row(name, MECHANISM_OF_TYPE[name], f"{counts[name]:,}", share)
    console = Console()
    console.print(table)
    console.print("written to", f"{output.rstrip('/')}/", style=None, highlight=False)
    for name in (tables.FILE, *signalp6.FILES, *look.names):
        console.print(f"  {name}", highlight=False)


def note_of_earlier_runs(output: str, look: Look) -> None:
    """Name on standard error what lies beside the files of a run and is not of it."""
    mine = Look(look.source, pictures="any", summarised=True).names
    if old := [name for name in mine if name not in look.names and Path(output, name).exists()]:
        print(f"peft-sp: {' and '.join(old)} in {output} are of an earlier run", file=sys.stderr)


def notes(counts: Counter[str], survey: Survey, table: str, organism: str) -> None:
    """What a person should know of a run, on standard error."""
    if organism == "auto" and counts:
        print(
            f"peft-sp: organisms by header: eukarya {counts['eukarya']:,}, other "
            f"{counts['other']:,}, undecided {counts['undecided']:,} (predicted as other)",
            file=sys.stderr,
        )
    if counts["warnings"]:
        where = f" in {table}" if table else ""
        print(
            f"peft-sp: proteins with a warning: {counts['warnings']}; see the column warnings"
            f"{where}",
            file=sys.stderr,
        )
    if survey.skipped:
        print(f"peft-sp: records skipped: {len(survey.skipped)}", file=sys.stderr)
