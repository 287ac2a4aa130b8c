"""What the commands that train share: their options, and what is said of their data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.terminal import console

if TYPE_CHECKING:
    from peft_sp.training.inputs import TrainingInputs

ActivationCache = Annotated[
    str | None,
    typer.Option(
        "--activation-cache",
        metavar="DIR|none",
        help="Directory where the output of untrained layers and of teachers is stored for the "
        "next run; by default in the user's cache directory.",
    ),
]


ReportTo = Annotated[
    list[str] | None,
    typer.Option(
        "--report-to",
        metavar="NAME",
        help="Follow the run in tensorboard, wandb or mlflow, too, as these are set up; may be "
        "repeated. By default a run is reported nowhere.",
    ),
]


Crossval = Annotated[
    str | None, typer.Option(help="Directory of a finished cross-validation of the recipe.")
]


def cache_directory(choice: str | None) -> str | None:
    """Directory of the activation cache; None where nothing shall be stored."""
    if choice is not None:
        return None if choice == "none" else choice
    place = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "peft-sp", "activations")
    try:
        place = place.expanduser()  # made when there is something to store
    except RuntimeError as error:  # nobody's home is known
        console.log(f"activations are not cached: {error}")
        return None
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        console.log(f"activations are not cached: {there} cannot be written")
        return None
    return str(place)


def report_data(inputs: TrainingInputs) -> None:
    """Say on standard error which partitions were made, and how often windows repeat."""
    from peft_sp.io.labelled import repeats, without_cysteine

    if inputs.made_partitions:
        console.note(f"{inputs.data} {inputs.made_partitions}")
    found = repeats(inputs.proteins)
    if found.groups:
        console.log(
            f"{found.groups} windows stand more than once; of these, {len(found.labels_differ)} "
            f"differ in labels, {len(found.types_differ)} in type, and "
            f"{len(found.partitions_differ)} lie across partitions"
        )
    if doubtful := without_cysteine(inputs.proteins):
        named = ", ".join(doubtful[:3]) + (", ..." if len(doubtful) > 3 else "")
        console.log(
            f"lipoproteins whose labels end before another residue than cysteine: "
            f"{len(doubtful):,} ({named})"
        )
