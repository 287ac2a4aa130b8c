"""`peft-sp annotate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.biology.organism import Organism
from peft_sp.cli.terminal import console, options
from peft_sp.inference.hardware import devices
from peft_sp.io.registry import lookup
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.io.genomes.proteins import Remarks

Gff = Annotated[str, typer.Option("--gff", help="Genes of the genome: a GFF3 file with CDS.")]
Genome = Annotated[
    str | None,
    typer.Option("--fasta", help="The genome, where the GFF3 file does not have it itself."),
]
Proteins = Annotated[
    str | None,
    typer.Option("--proteins", help="Proteins of these genes, in place of the genome."),
]
Code = Annotated[
    int | None,
    typer.Option(
        "--code",
        metavar="N",
        help="NCBI's genetic code of genes without transl_table; default: 11, of eukaryotes 1.",
    ),
]

Output = Annotated[str, typer.Option("--output", "-o", help="Directory for the results.")]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Leave out genes and proteins that cannot be used.")
]
FastaFiles = Annotated[
    bool,
    typer.Option(
        "--fasta-files", help="FASTA files of signal peptides and of proteins without one."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(annotate)


def annotate(
    gff: Gff,
    fasta: Genome = None,
    proteins: Proteins = None,
    output: Output = "peft-sp-output",
    organism: options.OrganismChoice = Organism.OTHER,
    code: Code = None,
    model: options.Model = lookup.DEFAULT,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    device: options.Device = devices.AUTO,
    precision: options.TorchPrecision = options.Precision.float32,
    backbone: options.Backbone = None,
    skip_invalid: SkipInvalid = False,
    resume: options.Resume = False,
    force: options.Force = False,
    plots: options.Pictures = options.Plots.none,
    summary: options.Summary = False,
    fasta_files: FastaFiles = False,
    threshold: options.Threshold = None,
    published_decoding: options.PublishedDecoding = False,
) -> None:
    """Find the signal peptides of a genome's genes, in coordinates of the genome.

    Translates every CDS, predicts the proteins, and writes genome.gff3 with signal peptides and
    mature proteins, exon by exon, beside the files of 'peft-sp predict'.

    Example: [bold]peft-sp annotate --gff genome.gff3 --fasta genome.fna -o results[/bold]
    """
    if fasta is not None and proteins is not None:
        raise typer.BadParameter("--fasta and --proteins exclude each other; give one")
    # What is known of genomes is loaded by those who have one.
    from peft_sp.inference.analysis.annotation import annotate_run

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
    with console.progress_bar() as progress:
        run, remarks = annotate_run(
            gff, output, given, progress, fasta=fasta, proteins=proteins, code=code
        )
    console.report(run)
    console.notes(run, output)
    _notes(remarks)


def _notes(remarks: Remarks) -> None:
    if remarks.pseudogenes:
        console.note(f"CDS of pseudogenes, which were left out: {remarks.pseudogenes:,}")
    if remarks.shifted:
        console.note(
            f"{counted(remarks.shifted, 'CDS', 'CDS')} with phases that do not fit the segments, "
            f"which were read as they are joined; the first: {remarks.first}"
        )
    for error in remarks.reasons:
        console.note(f"left out: {error}")
    if remarks.left_out:
        console.note(f"left out: {remarks.left_out:,}")
