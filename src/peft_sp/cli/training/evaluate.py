"""`peft-sp evaluate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.models import chosen
from peft_sp.cli.terminal import console, options
from peft_sp.cli.terminal.scores import print_regions, print_scores
from peft_sp.cli.terminal.training_display import training_display
from peft_sp.errors import MissingExtraError
from peft_sp.io.atomic import write_text
from peft_sp.io.results.protection import check_outputs, files_of
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.io.labelled import LabelledProtein
    from peft_sp.io.registry.model_config import Made


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(evaluate)


def evaluate(
    model: Annotated[str, typer.Argument(help="A model's name, directory or hub id.")],
    labelled: Annotated[str, typer.Argument(help="Labelled proteins (three-line format).")],
    partitions: Annotated[
        list[int] | None,
        typer.Option("--partition", help="Only this partition; may be given more than once."),
    ] = None,
    restrict: Annotated[
        bool,
        typer.Option(
            "--restrict-eukaryotes", help="Eukaryotes have SP alone, as with predict --organism."
        ),
    ] = False,
    backbone: Annotated[
        str | None,
        typer.Option(help="Where the model's backbone is, if not where it was when trained."),
    ] = None,
    published_decoding: options.PublishedDecoding = False,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples.")] = 1000,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
    force: options.Replace = False,
) -> None:
    """Measure a model on labelled proteins, per organism group and type.

    Example: [bold]peft-sp evaluate my-model train_set.fasta --partition 0[/bold]
    """
    from peft_sp.inference.loading import load
    from peft_sp.io.labelled import data_hash, of_partitions, read_labelled
    from peft_sp.io.labelled.partitions import own_or_made

    try:
        from peft_sp.training.evaluation.metrics import Outcomes, decode, score
        from peft_sp.training.evaluation.regions import region_scores
        from peft_sp.training.fitting.progress import Watched
    except ImportError as error:
        raise MissingExtraError("evaluation", "train", error.name) from None
    check_outputs({"--json": json_file}, files_of(labelled), force)
    proteins = tuple(read_labelled(labelled))
    predictor = load(chosen(model), backbone=backbone, published_decoding=published_decoding)
    made = predictor.config.made
    own = made.data_sha256 == data_hash(labelled)
    if own:
        proteins, said = own_or_made(proteins)  # as they were for training
        if said:
            console.note(f"{labelled} {said}")
    measured = of_partitions(proteins, partitions, labelled)
    if warning := _learned_from(made, measured, own):
        console.note(f"{model} {warning}")
    network = predictor.backend
    with training_display() as display:
        watched = Watched(network, len(measured), display, network.concurrency)
        decoded = decode(watched, measured, restrict, published=published_decoding)
    scores = score(Outcomes.of(measured, decoded), resamples)
    rule = ", decoded as published" if published_decoding else ""
    print_scores(f"{model} on {labelled}{rule}", scores)
    print_regions(region_scores([p.sequence for p in measured], decoded))
    if json_file is not None:
        write_text(Path(json_file), json.dumps(scores.figures.to_json(), indent=2) + "\n")


def _learned_from(made: Made, measured: Sequence[LabelledProtein], own: bool) -> str:
    """What to know of a model's figures on proteins that it may have learned from, "" for nothing.

    own: they are of the very file that it was trained on. Models of earlier versions know no more
    of what they learned from than that file and its partitions.
    """
    from peft_sp.io.registry.learned import recorded

    remembers = "these figures say how well it remembers, not how well it predicts"
    if made.trained_windows:
        known = recorded((p.sequence for p in measured), made.trained_windows)
        count = counted(len(measured), "protein")
        of_them = f"{known:,} of {'this' if len(measured) == 1 else 'these'} {count}"
        return f"learned from {of_them}: {remembers}" if known else ""
    if own:
        numbers = sorted(set(made.partitions.train or ()) & {p.partition for p in measured})
        named = f"partition{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        return f"learned from {named} of this file: {remembers}" if numbers else ""
    source = f" ({made.data})" if made.data else ""
    return (
        f"does not record which proteins it learned from{source}: on those, figures say how well "
        "it remembers, not how well it predicts"
    )
