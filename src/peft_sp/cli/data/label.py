"""`peft-sp label`."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from peft_sp.cli.terminal import console, streams
from peft_sp.cli.terminal.options import Replace
from peft_sp.errors import InputError
from peft_sp.io.atomic import write_text
from peft_sp.io.labelled import LabelledProtein, as_text, write_labelled
from peft_sp.io.labelled.uniprot.labelling import Remarks, Rules, labelled
from peft_sp.io.labelled.uniprot.reading import read_entries
from peft_sp.io.results.protection import check_outputs, files_of
from peft_sp.wording import counted


class EvidenceOption(StrEnum):
    """How it must be known that there is a signal peptide, or none."""

    experimental = "experimental"
    manual = "manual"
    any = "any"


class Group(StrEnum):
    """Organism groups."""

    EUKARYA = "EUKARYA"
    POSITIVE = "POSITIVE"
    NEGATIVE = "NEGATIVE"
    ARCHAEA = "ARCHAEA"


NAMED = 3
"""Proteins that a line of the report names."""
Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="UniProt's text (.txt, .dat), tables (.tsv) or GFF."),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(label)


def label(
    files: Files,
    output: Annotated[
        str, typer.Option("--output", "-o", help="File to write; - for standard output.")
    ] = "-",
    fasta: Annotated[
        str | None, typer.Option(help="Sequences of the proteins, which GFF does not hold.")
    ] = None,
    evidence: Annotated[
        EvidenceOption,
        typer.Option(
            help="experimental: seen in an experiment; manual: not by a program alone; any."
        ),
    ] = EvidenceOption.manual,
    organism: Annotated[
        Group | None,
        typer.Option(help="Organism group of all proteins; by default that of each one's lineage."),
    ] = None,
    fragments: Annotated[
        bool, typer.Option("--fragments", help="Also proteins whose start may be missing.")
    ] = False,
    ambiguous: Annotated[
        bool,
        typer.Option(
            "--ambiguous",
            help="Also proteins that annotation leaves open, by the likeliest reading.",
        ),
    ] = False,
    left_out: Annotated[
        str | None,
        typer.Option("--left-out", metavar="TSV", help="Write who was left out, and why, here."),
    ] = None,
    force: Replace = False,
) -> None:
    """Make labelled proteins from what UniProt says of them.

    What the annotation leaves open is not guessed: such a protein is left out and counted, by the
    reason. The result has no partitions; 'peft-sp partition' makes them.

    Example: [bold]peft-sp label uniprot.tsv.gz -o labelled.fasta --left-out left_out.tsv[/bold]
    """
    inputs = files_of(*files, *([fasta] if fasta else []))
    check_outputs({"-o": output, "--left-out": left_out}, inputs, force)
    rules = Rules(evidence.value, fragments, ambiguous, organism and organism.value)
    remarks = Remarks()
    entries = (entry for file in files for entry in read_entries(file, fasta))
    proteins = list(labelled(entries, rules, remarks))
    if left_out is not None:
        rows = ["accession\treason", *("\t".join(row) for row in remarks.left_out)]
        write_text(Path(left_out), "\n".join(rows) + "\n")
    _report(proteins, remarks, rules)
    if not proteins:
        raise InputError("no protein could be labelled", path=files[0])
    if output == "-":
        streams.for_data().writelines(map(as_text, proteins))
    else:
        write_labelled(output, proteins)


def _report(proteins: list[LabelledProtein], remarks: Remarks, rules: Rules) -> None:
    for reason, accessions in remarks.reasons:
        console.log(f"left out: {len(accessions):,}: {reason} ({_named(accessions)})")
    if other := remarks.other_group:
        console.log(
            f"warning: {len(other):,} of another organism group than {rules.group}, "
            f"as their lineage or name says ({_named(other)})"
        )
    classes = Counter(p.organism_type for p in proteins)
    for (group, kind), count in sorted(classes.items()):
        console.log(f"{group} {kind}: {count:,}")
    total = len(proteins) + len(remarks.left_out)
    console.log(f"{len(proteins):,} of {counted(total, 'protein')} labelled")


def _named(accessions: list[str]) -> str:
    return ", ".join(accessions[:NAMED]) + (", ..." if len(accessions) > NAMED else "")
