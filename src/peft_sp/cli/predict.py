"""`peft-sp predict`."""

from __future__ import annotations

import typer

from peft_sp.biology.organism import Organism
from peft_sp.cli.terminal import console, options, streams
from peft_sp.inference.hardware import devices
from peft_sp.inference.run import RunOptions, predict_run, predict_stream
from peft_sp.io.registry import lookup

STREAM = "-"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(predict)


def predict(
    fasta: options.FastaFiles,
    output: options.Output = "peft-sp-output",
    organism: options.OrganismChoice = Organism.OTHER,
    model: options.Model = lookup.DEFAULT,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    device: options.Device = devices.AUTO,
    precision: options.TorchPrecision = options.Precision.float32,
    backbone: options.Backbone = None,
    skip_invalid: options.SkipInvalid = False,
    resume: options.Resume = False,
    force: options.Force = False,
    plots: options.Pictures = options.Plots.none,
    summary: options.Summary = False,
    fasta_files: options.Fasta = False,
    threshold: options.Threshold = None,
    published_decoding: options.PublishedDecoding = False,
) -> None:
    """Predict the signal peptides of proteins.

    Writes predictions.tsv with one row a protein, predictions.gff3 with the features of signal
    peptides, and, in SignalP 6's layouts, prediction_results.txt, output.gff3,
    region_output.gff3, processed_entries.fasta (mature proteins) and output.json. A run
    that was stopped or killed is continued by the same command with --resume. --summary adds a
    page for the browser.

    Example: [bold]peft-sp predict proteins.faa -o results[/bold]
    """
    if output == STREAM:
        _refuse_files(summary or fasta_files or plots is not options.Plots.none, resume)
    given = options.run_options(
        model=model,
        organism=organism,
        device=device,
        precision=precision,
        threads=threads,
        batch_size=batch_size,
        backbone=backbone,
        skip_invalid=skip_invalid,
        resume=resume,
        force=force,
        plots=plots,
        summary=summary,
        fasta=fasta_files,
        threshold=threshold,
        published_decoding=published_decoding,
    )
    if output == STREAM:
        _stream(fasta, given)
        return
    with console.progress_bar() as progress:
        run = predict_run(fasta, output, given, progress)
    console.report(run)
    console.notes(run, output)


def _refuse_files(asked_for: bool, resume: bool) -> None:
    if asked_for:
        raise typer.BadParameter(
            "--plots, --summary and --fasta need a directory; give another -o than '-'"
        )
    if resume:
        raise typer.BadParameter("--resume needs a directory; what was printed is gone")


def _stream(fasta: list[str], given: RunOptions) -> None:
    """Print the table; a reader that goes away, such as `head`, ends it without an error."""
    table = streams.for_data()
    with console.progress_bar() as progress:
        console.notes(predict_stream(fasta, table, given, progress))
