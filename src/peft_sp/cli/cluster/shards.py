"""`peft-sp shards`: inputs that are too large for one run, or for one machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.biology.organism import Organism, parse_choice
from peft_sp.cli.models import chosen
from peft_sp.cli.terminal import console, options
from peft_sp.errors import OutputError
from peft_sp.inference.hardware import devices
from peft_sp.inference.hardware.cluster import LOCAL
from peft_sp.inference.loading import load
from peft_sp.io.registry import lookup
from peft_sp.io.shards import FORMATS, PROTEINS
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.inference.shards.driver import Workers
    from peft_sp.inference.shards.proof import Status
    from peft_sp.io.shards.plan import Plan

_shards = typer.Typer(
    help="Predict inputs of any size in shards, on many machines, and prove that nothing is lost.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan of 'peft-sp shards plan'.")]
Results = Annotated[Path, typer.Option("--output", "-o", help="Directory of the shards' results.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_shards, name="shards")


@_shards.command()
def plan(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="FASTA files, plain or compressed, folders of them, patterns, or addresses "
            "such as s3://bucket/proteins.faa.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The plan's file, JSON.")],
    proteins: Annotated[int, typer.Option(min=1, help="Of a shard, about.")] = PROTEINS,
    model: options.Model = lookup.DEFAULT,
    organism: options.OrganismChoice = Organism.OTHER,
    threshold: options.Threshold = None,
    formats: Annotated[
        str, typer.Option(metavar=",".join(FORMATS), help="Files of each shard, with commas.")
    ] = "parquet",
) -> None:
    """Cut inputs into shards, by the sizes of the files alone.

    The plan names the model, the organism and the files of the results, so that all shards are
    predicted alike. A plain file is cut anywhere between two records; a compressed one cannot be
    cut, and is one shard, or shares one with others.

    Example: [bold]peft-sp shards plan proteins/ -o plan.json[/bold]
    """
    from peft_sp.io.shards.plan import Predicting, make_plan

    choice = parse_choice(organism)
    found = chosen(model)
    named = tuple(dict.fromkeys(name.strip() for name in formats.split(",")))
    fingerprint = lookup.fingerprint(lookup.locate(found))
    name = model if found.source != "directory" else str(Path(model).absolute())
    own = make_plan(inputs, Predicting(name, fingerprint, str(choice), threshold, named), proteins)
    if output.exists() and not (output.is_file() and output.read_bytes() == own.text().encode()):
        raise OutputError(f"{output}: is there already; remove it, or name another")
    own.write(output)
    about = f"about {counted(own.proteins, 'protein')}"
    console.say(f"{counted(len(own.shards), 'shard')} of {about}: {output}")
    if own.empty:
        some = ", ".join(own.empty[:3]) + (", ..." if len(own.empty) > 3 else "")
        console.note(f"left out, without any record: {counted(len(own.empty), 'file')} ({some})")
    for file in own.uncut:
        console.note(f"{file}: cannot be cut while it is compressed, and is one large shard")


@_shards.command()
def run(
    plan: PlanFile,
    output: Results,
    shard: Annotated[
        list[int] | None, typer.Option(min=1, help="Number of a shard, from 1; may be repeated.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar=f"{LOCAL}|ADDRESS", help="Do all that is missing, on a Ray cluster."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of the cluster; default: as many as it has room for.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of a worker.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="Of a worker on a cluster.")] = 0,
    device: options.Device = devices.AUTO,
    backbone: options.Backbone = None,
) -> None:
    """Predict shards of a plan: those that are named, or all that are missing.

    A shard that is done is not done again, so that the same command goes on after a stop. A
    shard's folder appears whole, with its manifest. Workers on many machines may share a directory.

    Example: [bold]peft-sp shards run plan.json --shard 3 -o results[/bold]
    """
    from peft_sp.inference.shards.work import predict_shard
    from peft_sp.io.shards.plan import read_plan

    own = read_plan(plan)
    if cluster is not None:
        if shard:
            raise typer.BadParameter("--cluster does all shards; leave out --shard")
        from peft_sp.inference.shards.driver import Workers

        _run_on_cluster(own, output, cluster, Workers(workers, threads, gpus, device, backbone))
        return
    if workers is not None or gpus:
        raise typer.BadParameter("--workers and --gpus are of a cluster; give --cluster, too")
    numbers = shard or [one.number for one in own.shards]
    chunks = [own.shard(number) for number in numbers]
    predictor = load(own.predicting.model, device=device, threads=threads, backbone=backbone)
    for one in chunks:
        with console.progress_bar() as progress:
            done = predict_shard(own, one.number, output, predictor, progress)
        console.say(
            f"{one.name}: {counted(done.records, 'record')}, {counted(done.results, 'result')}, "
            f"{counted(done.errors, 'error')}, {done.seconds:.1f} s"
        )


def _run_on_cluster(plan: Plan, output: Path, address: str, workers: Workers) -> None:
    from peft_sp.inference.shards.driver import predict_on_cluster

    with console.progress_bar() as bar:
        progress = bar or console.progress_lines()
        found = predict_on_cluster(plan, output, address, workers, progress, notice=console.note)
    _report(found)
    if left := len(found.problems) + len(found.missing):
        raise OutputError(
            f"{output}: {counted(left, 'shard')} could not be done; the same command tries again"
        )


@_shards.command()
def status(plan: PlanFile, output: Results) -> None:
    """How many shards are done, and what they gave so far.

    Example: [bold]peft-sp shards status plan.json -o results[/bold]
    """
    from peft_sp.inference.shards import proof
    from peft_sp.io.shards.plan import read_plan

    _report(proof.status(read_plan(plan), output))


@_shards.command()
def verify(
    plan: PlanFile,
    output: Results,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Read the input again, too, and count its records.")
    ] = False,
) -> None:
    """Prove that every record has one result or one named error.

    Example: [bold]peft-sp shards verify plan.json -o results[/bold]
    """
    from peft_sp.inference.shards import proof
    from peft_sp.io.shards.plan import read_plan

    own = read_plan(plan)
    with console.progress_bar() as progress:
        problems = proof.verify(own, output, inputs, progress)
    for problem in problems[:20]:
        console.note(problem)
    if problems:
        raise OutputError(f"{output}: {counted(len(problems), 'problem')}; not whole")
    found = proof.status(own, output)
    _report(found)
    console.say("Every record has one result or one error in errors.tsv of its shard.")


@_shards.command()
def merge(
    plan: PlanFile,
    output: Results,
    target: Annotated[
        Path, typer.Option("--to", help="The file: .parquet, .tsv or .gff3; its ending decides.")
    ],
) -> None:
    """Put the results of all shards into one file, in the order of the input.

    Example: [bold]peft-sp shards merge plan.json -o results --to predictions.tsv[/bold]
    """
    from peft_sp.inference.shards import proof
    from peft_sp.inference.shards.work import remove_unfinished
    from peft_sp.io.shards.plan import read_plan

    own = read_plan(plan)
    with console.progress_bar() as progress:
        count = proof.merge(own, output, target, progress)
    left = remove_unfinished(output)
    console.say(f"{counted(count, 'result')}: {target}")
    if left:
        console.note(f"{counted(left, 'folder')} of workers that were stopped removed")


def _report(found: Status) -> None:
    """What is done, on standard output."""
    counts, all_shards = found.counts, len(found.plan.shards)
    console.say(
        f"{len(found.done):,} of {counted(all_shards, 'shard')} done: "
        f"{counted(counts['records'], 'record')}, {counted(counts['results'], 'result')}, "
        f"{counted(counts['errors'], 'error')}"
    )
    kinds = ", ".join(f"{name} {count:,}" for name, count in found.types.most_common())
    if kinds:
        console.say(kinds)
    if found.missing:
        console.say(f"missing: {_numbers(found.missing)}")
    for problem in found.problems.values():
        console.note(problem)


def _numbers(numbers: list[int]) -> str:
    """Numbers as a scheduler's array takes them: 1-3,7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)
