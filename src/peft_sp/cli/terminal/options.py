"""Options of commands that predict: their types, names and help, as typer reads them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from peft_sp.biology.organism import NAMES


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
TorchDevice = Annotated[Device, typer.Option(help="For models on torch.")]
TorchPrecision = Annotated[
    Precision,
    typer.Option(help="For models on torch; bfloat16 is faster where the processor has it."),
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
