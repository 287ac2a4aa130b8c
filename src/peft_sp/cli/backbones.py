"""`peft-sp import`."""

from __future__ import annotations

from typing import Annotated

import typer

from peft_sp.cli.terminal import console
from peft_sp.errors import MissingExtraError


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="import")(import_backbone)


def import_backbone(
    file: Annotated[str, typer.Argument(metavar="MODEL.pt", help="A backbone file of fair-esm.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the backbone.")],
) -> None:
    """Convert an ESM-2 backbone of the package fair-esm (esm2_*.pt) for training.

    The file is read without running any code in it. Networks that other programs trained on such
    backbones cannot be imported.

    Example: [bold]peft-sp import esm2_t12_35M_UR50D.pt -o esm2-35M[/bold]
    """
    try:
        from peft_sp.network import fairesm
    except ImportError as error:
        raise MissingExtraError("importing a backbone", "train", error.name) from None
    config = fairesm.import_backbone(file, output)
    console.say(
        f"ESM-2 of {config.num_hidden_layers} layers, {config.hidden_size} wide, "
        f"{config.num_attention_heads} heads"
    )
    console.say(f"written to {output.rstrip('/')}/; train on it with --set backbone={output}")
