"""`peft-sp predict`."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from peft_sp.biology.prediction import Prediction
from peft_sp.cli.models import chosen
from peft_sp.cli.output import (
    Look,
    count,
    identity,
    note_of_earlier_runs,
    notes,
    now,
    summarise,
    write,
)
from peft_sp.errors import OutputError
from peft_sp.inference.backends import available_processors
from peft_sp.inference.cache import Memory
from peft_sp.inference.loading import load
from peft_sp.io import signalp6, tables
from peft_sp.io.fasta import open_input
from peft_sp.io.plotting import plotter
from peft_sp.io.registry import lookup
from peft_sp.io.run_directory import OutputFiles, refuse_unfinished
from peft_sp.version import __version__

STREAM = "-"


class Organism(StrEnum):
    """Which types exist: eukaryotes have only Sec/SPI signal peptides."""

    auto = "auto"

    eukarya = "eukarya"
    other = "other"


class Plots(StrEnum):
    """A picture of each protein."""

    none = "none"
    png = "png"
    svg = "svg"
    pdf = "pdf"
    txt = "txt"
    eps = "eps"


class Precision(StrEnum):
    """What a torch model computes in."""

    float32 = "float32"
    bfloat16 = "bfloat16"


class Device(StrEnum):
    """Where a torch model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(predict)


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
        Organism,
        typer.Option(
            help="'eukarya' knows no types but SP; 'auto' goes by each header's OS= or []."
        ),
    ] = Organism.other,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model's name, directory or hub id.")
    ] = lookup.DEFAULT,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network; default: all.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Windows a batch; default: what suits the model.")
    ] = None,
    device: Annotated[Device, typer.Option(help="For models on torch.")] = Device.auto,
    precision: Annotated[
        Precision,
        typer.Option(help="For models on torch; bfloat16 is faster where the processor has it."),
    ] = Precision.float32,
    backbone: Annotated[
        str | None,
        typer.Option(help="Where the model's backbone is, if not where it was when trained."),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option("--skip-invalid", help="Go on without records that cannot be predicted."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped or killed.")
    ] = False,
    pictures: Annotated[
        Plots,
        typer.Option("--plots", help="A picture (txt: a table) of each protein, and --summary."),
    ] = Plots.none,
    summarised: Annotated[
        bool,
        typer.Option("--summary", help="summary.html: charts, table and pictures to look at."),
    ] = False,
) -> None:
    """Predict the signal peptides of proteins.

    Writes prediction_results.txt, output.gff3, region_output.gff3, processed_entries.fasta
    and output.json in SignalP 6's layouts, and predictions.tsv with one row a protein. A run
    that is stopped or killed goes on where it was with the same command and --resume. With
    --summary, a page for the browser.

    Example: [bold]peft-sp predict proteins.faa -o results[/bold]
    """
    summarised = summarised or pictures is not Plots.none
    kind = None if pictures is Plots.none else pictures.value
    if kind:
        plotter.require(kind)
    if summarised and output == STREAM:
        raise typer.BadParameter("--plots and --summary need a directory; give another -o than '-'")
    if output == STREAM and resume:
        raise typer.BadParameter("--resume needs a directory; what was printed is gone")
    if output != STREAM and not resume:
        refuse_unfinished(output)
    started = now()
    with open_input(fasta) as source:
        survey = source.survey(skip_invalid)
        for error in survey.skipped:
            print(f"peft-sp: skipped: {error}", file=sys.stderr)
        named = chosen(model)
        predictor = load(
            named, device=device, threads=threads, backbone=backbone, precision=precision.value
        )
        proteins = source.proteins()
        memory = Memory()
        predictions = predictor.predict(proteins, organism.value, batch_size, summarised, memory)
        if output == STREAM:
            counts = _stream(predictions)
            notes(counts, survey, "", organism.value)
            return
        look = Look(", ".join(fasta), kind, summarised, threads or available_processors())
        run = signalp6.Run(
            tool=f"PEFT-SP-{__version__}",
            organism="eukarya" if organism is Organism.eukarya else "other",
            count=survey.count,
            directory=output,
            mode=predictor.config.name,
            failed=len(survey.skipped),
            unique=survey.unique,
            time=started,
        )
        known = identity("predict", survey, named, predictor, organism.value, batch_size, look)
        with OutputFiles(output, known, resume) as files:
            counts = write(files, run, predictions, proteins, memory, predictor.chunk, look)
    summarise(counts, survey, output, look)
    note_of_earlier_runs(output, look)
    notes(counts, survey, str(Path(output, tables.FILE)), organism.value)


def _stream(predictions: Iterator[Prediction]) -> Counter[str]:
    """Print the table; a reader that goes away, such as `head`, ends it without an error."""
    counts: Counter[str] = Counter()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The table is UTF-8 whatever the locale; names need it.
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    try:
        table = tables.TableWriter(sys.stdout)
        for prediction in predictions:
            table.write(prediction)
            count(prediction, counts)
        sys.stdout.flush()
    except OSError as error:
        # What is still buffered has nowhere to go; keep the interpreter from trying.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"standard output: cannot be written ({error.strerror})") from None
        counts.clear()
    return counts
