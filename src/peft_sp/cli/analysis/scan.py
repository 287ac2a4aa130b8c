"""`peft-sp scan`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.biology.organism import Organism, parse_choice
from peft_sp.cli.models import chosen
from peft_sp.cli.terminal import console, options, streams
from peft_sp.io.fasta import open_input
from peft_sp.io.plotting import plotter
from peft_sp.io.registry import lookup
from peft_sp.io.results.protection import Protection, refuse_input
from peft_sp.io.results.run_directory import RunDirectory
from peft_sp.io.writers.names import FreeNames
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.biology.substitutions import Scan

PLOTS = "plots"
_NAMED = 10
"""Substitutions that the summary of a protein names."""


class Map(StrEnum):
    """A heat map of each protein."""

    none = "none"
    png = "png"
    svg = "svg"
    pdf = "pdf"
    eps = "eps"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(scan)


def scan(
    fasta: Annotated[str, typer.Argument(help="FASTA of one protein or a few; '-': from a pipe.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Directory for the results; '-' prints the table.")
    ] = "peft-sp-scan",
    organism: options.OrganismChoice = Organism.OTHER,
    model: options.Model = lookup.DEFAULT,
    threads: options.Threads = None,
    force: options.Force = False,
    plots: Annotated[Map, typer.Option("--plots", help="A heat map of each protein.")] = Map.none,
) -> None:
    """See what breaks a signal peptide: every single residue changed into each other one.

    Each of a protein's first 70 residues becomes each of the 19 others, which gives 1,330 proteins.
    Writes scan.tsv: the probability of a signal peptide, type and cleavage site of each, and how
    they change.

    Example: [bold]peft-sp scan protein.faa --plots svg -o results[/bold]
    """
    # What draws and what predicts is loaded by those who need it.
    from peft_sp.inference.analysis.scan import scan as scans
    from peft_sp.inference.loading import load
    from peft_sp.io.plotting import heatmap
    from peft_sp.io.writers.scans import FILE, ScanWriter

    if output == "-" and plots is not Map.none:
        raise typer.BadParameter("--plots needs a directory; give another -o than '-'")
    if plots is not Map.none:
        plotter.require(plots.value)
    choice = parse_choice(organism)
    with open_input([fasta]) as source:
        source.survey()
        predictor = load(chosen(model), threads=threads)
        found = scans(source.proteins(), choice, predictor)
        if output == "-":
            table = streams.for_data()
            refuse_input(table, source.files)
            writer = ScanWriter(table)
            for one in found:
                writer.write(one)
            return
        pictures = () if plots is Map.none else (f"{PLOTS}/*.{plots.value}",)
        protection = Protection(Path(output), (FILE, *pictures), source.files, force=force)
        protection.check()
        with RunDirectory(output, protection=protection) as files:
            writer, names = ScanWriter(files.open(FILE)), FreeNames(fold=True)
            for one in found:
                writer.write(one)
                console.say(_summary(one))
                if pictures:
                    name = f"{names(plotter.stem(one.wild_type.id))}.{plots.value}"
                    heatmap.draw(one, files.path(f"{PLOTS}/{name}"))
    for name in (FILE, *(f"{PLOTS}/" for _ in pictures)):
        console.say(f"written to {Path(output, name)}")


def _summary(scan: Scan) -> str:
    """A line on what was found."""
    protein, every = scan.wild_type, scan.substitutions
    if not protein.is_signal_peptide:
        gained = sum(one.prediction.is_signal_peptide for one in every)
        return f"{protein.id}: no signal peptide; {gained:,} of {len(every):,} changes make one"
    names = [one.name for one in scan.breaking]
    named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    other = sum(scan.changes_type(one) for one in every) - len(names)
    moved = sum(bool(scan.shift(one)) for one in every)
    return (
        f"{protein.id}: {protein.type}, cleavage after {protein.cleavage_site}; of "
        f"{counted(len(every), 'change')} {len(names):,} break it{f' ({named})' if names else ''}, "
        f"{other:,} give another type, {moved:,} move the cut"
    )
