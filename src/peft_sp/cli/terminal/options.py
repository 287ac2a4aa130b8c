"""Options of commands that predict: their types, names and help, as typer reads them."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from peft_sp.biology.organism import NAMES, parse_choice
from peft_sp.cli.models import chosen
from peft_sp.inference.hardware import devices
from peft_sp.inference.run import RunOptions
from peft_sp.io.plotting import plotter


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
    tf32 = "tf32"
    bfloat16 = "bfloat16"


FastaFiles = Annotated[
    list[str],
    typer.Argument(help="Protein FASTA files, plain or compressed; '-' is standard input."),
]
Output = Annotated[
    str, typer.Option("--output", "-o", help="Directory for the results; '-' prints the table.")
]
OrganismChoice = Annotated[
    str,
    typer.Option(
        metavar="|".join(NAMES),
        help="eukarya, euk: SP is the only type; auto: by each header's OS= or \\[name].",
    ),
]
Model = Annotated[str, typer.Option("--model", "-m", help="A model's name, directory or hub id.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads; default: all that the process may use.")
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Windows a batch; default: what suits the model.")
]
Device = Annotated[
    str,
    typer.Option(
        metavar="|".join(devices.FORMS),
        help="Where the network runs; auto: on a GPU, where there is one that can run it.",
    ),
]
TorchPrecision = Annotated[
    Precision,
    typer.Option(help="For models on torch; tf32 and bfloat16 are faster on a GPU that has them."),
]
Backbone = Annotated[
    str | None,
    typer.Option(help="Directory or name of the model's backbone, if it has moved since training."),
]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Leave out records that cannot be predicted.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a run that was stopped or killed.")
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace files that were not written by this program, too."),
]
Replace = Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")]
Pictures = Annotated[
    Plots,
    typer.Option("--plots", help="A picture (txt: a table) of each protein, and --summary."),
]
Summary = Annotated[
    bool,
    typer.Option("--summary", help="summary.html: charts, table and pictures to look at."),
]
Fasta = Annotated[
    bool,
    typer.Option("--fasta", help="FASTA files of signal peptides and of proteins without one."),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Call a signal peptide where P(any type) is at least P; default: the likeliest type.",
    ),
]
PublishedDecoding = Annotated[
    bool,
    typer.Option(
        "--published-decoding",
        help="Decide as the published PEFT-SP does; for models that were imported from it.",
    ),
]


def run_options(
    *,
    model: str,
    organism: str,
    device: str,
    precision: Precision,
    threads: int | None,
    batch_size: int | None,
    backbone: str | None,
    skip_invalid: bool,
    resume: bool,
    force: bool,
    plots: Plots,
    summary: bool,
    fasta: bool,
    threshold: float | None,
    published_decoding: bool,
) -> RunOptions:
    """The options of a run. What is wrong with one is said before a model is fetched.

    Pictures come with the page. Raises OptionError, and MissingExtraError without matplotlib.
    """
    devices.parse_device(device)
    kind = None if plots is Plots.none else plots.value
    if kind:
        plotter.require(kind)
    given = RunOptions(
        organism=parse_choice(organism),
        device=device,
        precision=precision.value,
        threads=threads,
        batch_size=batch_size,
        backbone=backbone,
        skip_invalid=skip_invalid,
        resume=resume,
        force=force,
        plots=kind,
        summary=summary or kind is not None,
        fasta=fasta,
        threshold=threshold,
        published_decoding=published_decoding,
    )
    return replace(given, model=chosen(model))
