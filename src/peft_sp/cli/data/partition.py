"""`peft-sp partition`."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated

import typer

from peft_sp.cli.terminal import console, streams
from peft_sp.cli.terminal.options import Replace
from peft_sp.errors import InputError, OutputError
from peft_sp.io.labelled import (
    UNPARTITIONED,
    LabelledProtein,
    as_text,
    read_labelled,
    write_labelled,
)
from peft_sp.io.labelled.partitions import (
    LIMIT,
    Across,
    Comparison,
    Method,
    Partitioned,
    compare,
    make_partitions,
)
from peft_sp.io.results.protection import check_outputs, files_of
from peft_sp.wording import counted


class MethodOption(StrEnum):
    """How pairs of windows that may be alike are found."""

    auto = "auto"
    mmseqs2 = "mmseqs2"
    kmers = "kmers"


METHODS: dict[MethodOption, Method] = {
    MethodOption.mmseqs2: "mmseqs2",
    MethodOption.kmers: "kmers",
}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(partition)


def partition(
    labelled: Annotated[str, typer.Argument(help="Labelled proteins (three-line format).")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="File to write; - for standard output.")
    ] = None,
    count: Annotated[int, typer.Option("-n", min=2, max=3, help="Partitions.")] = 3,
    limit: Annotated[
        float,
        typer.Option(
            min=0.2,
            max=1,
            help="Identity that windows in different partitions stay below, as a fraction.",
        ),
    ] = LIMIT,
    method: Annotated[
        MethodOption,
        typer.Option(
            help="How alike windows are found: by common k-mers, and by MMseqs2 beside them "
            "(the default where it is installed)."
        ),
    ] = MethodOption.auto,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say how alike the file's own are.")
    ] = False,
    force: Replace = False,
) -> None:
    """Make homology partitions: no two windows in different ones are alike.

    Clusters of alike windows go whole into a partition, so that the partitions are balanced over
    organism groups and types. Windows that then still are too alike are left out, and listed.

    Example: [bold]peft-sp partition labelled.fasta -o train_set.fasta[/bold]
    """
    if (output is None) != check:
        raise typer.BadParameter("give either --output FILE or --check")
    check_outputs({"-o": output}, files_of(labelled), force)
    proteins = read_labelled(labelled)
    chosen = METHODS.get(method)
    if check:
        _refuse_unpartitioned(proteins, labelled)
        comparison = compare(proteins, limit, chosen)
        _report(comparison, comparison.across(proteins), limit)
        return
    made = make_partitions(proteins, count, limit, chosen)
    if not made.kept:
        raise OutputError(f"{labelled}: all windows are alike; give a higher --limit")
    if output == "-":
        streams.for_data().writelines(map(as_text, made.kept))
    else:
        write_labelled(str(output), made.kept)
    _report_partitions(made, count)
    _report(made.comparison, made.across, limit)


def _refuse_unpartitioned(proteins: list[LabelledProtein], path: str) -> None:
    """Raise InputError where there are no two partitions that could be compared."""
    own = {p.partition for p in proteins} - {UNPARTITIONED}
    if len(own) < 2:
        lacks = f"has a single partition, {min(own)}" if own else "has no partitions"
        make = f"make some with 'peft-sp partition {path} -o FILE'"
        raise InputError(f"{lacks}, so that there is nothing to compare; {make}", path=path)


def _report_partitions(made: Partitioned, count: int) -> None:
    for p in made.removed:
        console.log(f"left out: {p.accession} ({p.organism} {p.type})")
    sizes = Counter(p.partition for p in made.kept)
    table = Counter((p.organism, p.type, p.partition) for p in made.kept)
    for group, kind in sorted({key[:2] for key in table}):
        numbers = " / ".join(f"{table[group, kind, n]:,}" for n in range(count))
        console.log(f"{group} {kind}: {numbers}")
    console.log(
        f"partitions of {' / '.join(f'{sizes[n]:,}' for n in range(count))} proteins; "
        f""
        f"{counted(made.moved, 'window')} moved out of "
        f"{'its' if made.moved == 1 else 'their'} cluster, "
        f"{counted(len(made.removed), 'protein')} left out"
    )


def _report(comparison: Comparison, across: Across, limit: float) -> None:
    how = {"mmseqs2": "common k-mers and MMseqs2", "kmers": "common k-mers"}[comparison.method]
    console.log(
        f"{counted(len(comparison.pairs), 'pair')} found by {how} and aligned: in different "
        f"partitions {across.reaching(limit):,} with an identity of {limit:g} or "
        f"more; the greatest is {across.greatest:.3f}"
    )
