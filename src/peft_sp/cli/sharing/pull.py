"""`peft-sp pull`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from peft_sp.cli.models import chosen
from peft_sp.cli.terminal import console
from peft_sp.io.atomic import publish, staging
from peft_sp.io.registry import checksums, hub
from peft_sp.io.results.directories import refuse_foreign_directory


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(pull)


def pull(
    name: Annotated[
        str, typer.Argument(metavar="OWNER/NAME[@REVISION]", help="A model on the hub.")
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="DIR", help="A new directory; by default NAME."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Ask the hub which commit it stands for now.")
    ] = False,
) -> None:
    """Get a model from the Hugging Face hub as a directory of its own.

    All its files and its card, compared with its checksums. It needs neither the network nor the
    hub's library from then on, and can be trained on, exported and given to others.

    Example: [bold]peft-sp pull OWNER/my-model -o my-model[/bold]
    """
    if not hub.is_id(name):
        raise typer.BadParameter(f"'{name}' is no model on the hub, OWNER/NAME[@REVISION]")
    target = Path(output or name.partition("@")[0].partition("/")[2])
    refuse_foreign_directory(target)
    model = chosen(name, update=update, whole=True)
    source = model.directory
    assert source is not None
    with staging(target, "choose another with -o") as folder:
        for file in (*model.files, checksums.MANIFEST, checksums.CARD):
            if (source / file).is_file():
                (folder / file).parent.mkdir(exist_ok=True)
                shutil.copyfile(source / file, folder / file)
        checksums.verify(folder, model.config.members, remedy=hub.remedy(name))
        publish(folder, target)
    console.say(f"written to {target}/, {model.size / 1e6:.1f} MB")
    if model.config.backbone is not None and not model.is_exported:
        console.say(f"its backbone is {model.config.backbone.name}")
