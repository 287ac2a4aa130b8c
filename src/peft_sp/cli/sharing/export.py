"""`peft-sp export`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.training_display import training_display
from peft_sp.errors import MissingExtraError


class Precision(StrEnum):
    """How weights are stored; all is computed in float32 but, in int8, a student's products."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(export)


Model = Annotated[str, typer.Argument(help="A trained model's directory.")]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR|FILE.onnx",
        help="A new directory, for predict --model; or a file for the bare network.",
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        help="Of the stored weights: 4, 2 or 1 bytes each. A small network in int8 also "
        "multiplies in integers, which is faster; all else is computed in float32."
    ),
]
Check = Annotated[
    str | None,
    typer.Option(
        metavar="LABELLED",
        help="Labelled proteins on which the result is compared with the model; a result "
        "that differs too much is not written.",
    ),
]
CheckPartitions = Annotated[
    list[int] | None,
    typer.Option("--partition", help="Check on this partition; may be given more than once."),
]
BackbonePath = Annotated[
    str | None,
    typer.Option(help="Where the model's backbone is, if not where it was when trained."),
]
Licence = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Of the result, which holds the backbone's weights; by default both are named.",
    ),
]


def export(
    model: Model,
    output: Output,
    precision: PrecisionOption = Precision.float32,
    check: Check = None,
    partitions: CheckPartitions = None,
    backbone: BackbonePath = None,
    licence: Licence = None,
) -> None:
    """Export a trained model: it then predicts without torch and backbone.

    Whatever adapts the backbone goes in: LoRA and IA3 are merged, adapters and prompts become
    part of the network. The result is always compared with the model on made-up windows.

    Example: [bold]peft-sp export my-model -o my-exported --precision float16
    --check train_set.fasta --partition 0[/bold]
    """
    from peft_sp.io.labelled import of_partitions, read_labelled

    try:
        from peft_sp.training import export as exporting
    except ImportError as error:
        raise MissingExtraError("export", "train", error.name) from None
    exporting.check_start(output)
    if partitions and check is None:
        raise typer.BadParameter("--partition says what to check on; give --check LABELLED, too")
    labelled = None
    if check is not None:
        labelled = of_partitions(read_labelled(check), partitions, check)
    with training_display() as display:
        done = exporting.export(
            model,
            output,
            precision=precision.value,
            backbone=backbone,
            labelled=labelled,
            licence=licence,
            progress=display,
        )
    console.say(f"emissions differ by at most {done.difference:.1e}, on made-up windows")
    if done.check is not None:
        console.say(f"on {check}: {done.check}")
    elif precision is not Precision.float32:
        console.note(f"what {precision.value} changes was not measured; --check does")
    if done.path.is_dir():
        console.say(f"written to {output.rstrip('/')}/, {done.size / 1e6:.1f} MB")
    else:
        console.say(f"written to {output}, {done.size / 1e6:.1f} MB")
