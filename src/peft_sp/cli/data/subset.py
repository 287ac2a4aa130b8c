"""`peft-sp subset`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from peft_sp.cli.terminal import console, streams
from peft_sp.cli.terminal.options import Replace
from peft_sp.io import labelled as records
from peft_sp.io.results.protection import check_outputs, files_of
from peft_sp.wording import counted


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(subset)


def subset(
    labelled: Annotated[str, typer.Argument(help="Labelled proteins (three-line format).")],
    count: Annotated[
        int,
        typer.Option("-n", min=1, help="Most proteins of an organism group, type and partition."),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="File to write; - for standard output.")
    ] = "-",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random draw.")] = 1,
    force: Replace = False,
) -> None:
    """Draw a small set of labelled proteins, for experiments with few samples.

    Of records with identical windows only the first may be drawn.

    Example: [bold]peft-sp subset train_set.fasta -n 30 -o few_30.fasta[/bold]
    """
    check_outputs({"-o": output}, files_of(labelled), force)
    proteins = records.read_labelled(labelled)
    drawn = records.subset(proteins, count, seed)
    if output == "-":
        streams.for_data().writelines(map(records.as_text, drawn))
    else:
        records.write_labelled(output, drawn)
    classes = Counter(p.organism_type for p in drawn)
    console.log(
        f"{len(drawn):,} of {counted(len(proteins), 'protein')} in "
        f"{counted(len(classes), 'class', 'classes')} of organism group and type"
    )
