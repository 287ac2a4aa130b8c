"""`peft-sp import`."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from peft_sp.cli.terminal import console
from peft_sp.errors import MissingExtraError


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="import")(import_weights)


def import_weights(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Weights of the published PEFT-SP, an ESM-2 of fair-esm, or a backbone's "
            "pytorch_model.bin.",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Directory of the model, or of the backbone.")
    ],
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Of PEFT-SP weights: the ESM-2 that they adapt (a name, such as esm2-150M, a hub "
            "id or a directory).",
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            help="Of PEFT-SP weights with LoRA: its alpha, which the file does not hold; 8 by "
            "default, as in the published runs.",
        ),
    ] = None,
) -> None:
    """Convert a file of the published PEFT-SP, of the package fair-esm, or of a backbone.

    Weights of the published PEFT-SP (model.pt) become a model that predicts, is measured and is
    exported like any other: what was trained, head and CRF are taken; the backbone is named, and
    must be the one in the file. An ESM-2 of fair-esm (esm2_*.pt) becomes a backbone to train on,
    and so does pytorch_model.bin of transformers (ProtT5, ProtBert, Ankh) with its config.json and
    its vocabulary beside it. Files are read without running any code in them.

    Example: [bold]peft-sp import model.pt --backbone esm2-150M -o published-150M[/bold]
    """
    if alpha is not None and not 0 < alpha < math.inf:
        raise typer.BadParameter(f"--alpha is a number above 0, not {alpha}")
    try:
        from peft_sp.network.imports.importing import import_file
    except ImportError as error:
        raise MissingExtraError("importing weights", "train", error.name) from None
    written = import_file(file, output, backbone, alpha)
    console.say(written.what)
    console.say(f"written to {output.rstrip('/')}/; {written.use}")
