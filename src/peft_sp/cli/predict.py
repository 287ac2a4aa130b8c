"""`peft-sp predict` and `peft-sp models`."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction
from peft_sp.errors import OutputError
from peft_sp.inference.predictor import Predictor, load
from peft_sp.io import models, signalp6, tables
from peft_sp.io.fasta import Survey, open_input
from peft_sp.io.output import OutputFiles
from peft_sp.version import __version__

STREAM = "-"


class Organism(StrEnum):
    """Which types exist: eukaryotes have only Sec/SPI signal peptides."""

    eukarya = "eukarya"
    other = "other"


class Device(StrEnum):
    """Where a torch model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(predict)
    app.command(name="models")(list_models)


def predict(
    fasta: Annotated[
        list[str],
        typer.Argument(help="Protein FASTA files, plain or compressed; '-' is standard input."),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="Directory for the results; '-' prints the table."),
    ] = "peft-sp-output",
    organism: Annotated[
        Organism, typer.Option(help="'eukarya' knows no types but SP.")
    ] = Organism.other,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model's name or directory.")
    ] = models.DEFAULT,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network; default: all.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Windows a batch; default: what suits the model.")
    ] = None,
    device: Annotated[Device, typer.Option(help="For models on torch.")] = Device.auto,
    backbone: Annotated[
        str | None,
        typer.Option(help="Where the model's backbone is, if not where it was when trained."),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option("--skip-invalid", help="Go on without records that cannot be predicted."),
    ] = False,
) -> None:
    """Predict the signal peptides of proteins.

    Writes prediction_results.txt, output.gff3, region_output.gff3, processed_entries.fasta
    and output.json in SignalP 6's layouts, and predictions.tsv with one row a protein.

    Example: [bold]peft-sp predict proteins.faa -o results[/bold]
    """
    with open_input(fasta) as source:
        survey = source.survey(skip_invalid)
        for error in survey.skipped:
            print(f"peft-sp: skipped: {error}", file=sys.stderr)
        predictor = load(model, device=device, threads=threads, backbone=backbone)
        proteins = source.proteins(duplicates=skip_invalid)
        predictions = predictor.predict(proteins, organism.value, batch_size)
        if output == STREAM:
            _stream(predictions)
            return
        counts = _write(predictions, survey, output, organism.value, predictor)
    _summarise(counts, survey, output)


def _stream(predictions: Iterator[Prediction]) -> None:
    """Print the table; a reader that goes away, such as `head`, ends it without an error."""
    try:
        table = tables.TableWriter(sys.stdout)
        for prediction in predictions:
            table.write(prediction)
        sys.stdout.flush()
    except OSError as error:
        # What is still buffered has nowhere to go; keep the interpreter from trying.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"standard output: cannot be written ({error.strerror})") from None


def _write(
    predictions: Iterator[Prediction],
    survey: Survey,
    output: str,
    organism: signalp6.Organism,
    predictor: Predictor,
) -> Counter[str]:
    """Write all files; how many proteins of each type, and under "warnings", with warnings."""
    counts: Counter[str] = Counter()
    run = signalp6.Run(
        tool=f"PEFT-SP-{__version__}",
        organism=organism,
        count=survey.count,
        directory=output,
        mode=str(predictor.config.get("name", "")),
        failed=len(survey.skipped),
        unique=survey.unique,
    )
    with OutputFiles(output) as files, _progress(survey.count) as advance:
        table = tables.TableWriter(files.open(tables.FILE))
        compatible = signalp6.SignalP6Writer(files, run)
        for prediction in predictions:
            table.write(prediction)
            compatible.write(prediction)
            counts[prediction.type] += 1
            counts["warnings"] += bool(prediction.protein.warnings)
            advance()
        compatible.finish()
    return counts


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A progress bar on standard error where that is a terminal; yields what advances it."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="")
        start = time.monotonic()
        done = pending = 0

        def advance() -> None:
            nonlocal done, pending
            done, pending = done + 1, pending + 1
            if pending == 256:
                rate = done / max(time.monotonic() - start, 1e-3)
                bar.update(task, completed=done, rate=f"{rate:,.0f}/s")
                pending = 0

        yield advance


def _summarise(counts: Counter[str], survey: Survey, output: str) -> None:
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
    for name in (tables.FILE, *signalp6.FILES):
        console.print(f"  {name}", highlight=False)
    if counts["warnings"]:
        print(
            f"peft-sp: proteins with a warning: {counts['warnings']}; see the column warnings in "
            f"{Path(output, tables.FILE)}",
            file=sys.stderr,
        )
    if survey.skipped:
        print(f"peft-sp: records skipped: {len(survey.skipped)}", file=sys.stderr)


def list_models() -> None:
    """List the models that are installed.

    Example: [bold]peft-sp models[/bold]
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "size", "licence", "description")
    for name, directory in models.bundled().items():
        config = models.read_config(directory)
        size = sum(f.stat().st_size for f in directory.iterdir() if f.is_file())
        table.add_row(
            name,
            f"{size / 1e6:.1f} MB",
            str(config.get("licence", "")),
            str(config.get("description", "")),
        )
    Console().print(table)
