"""`peft-sp push`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.terminal import console
from peft_sp.errors import MissingExtraError, ModelError
from peft_sp.io.registry import hub, lookup
from peft_sp.io.registry.checksums import CARD
from peft_sp.version import __version__
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.io.registry.publishing import Publication

Repository = Annotated[
    str, typer.Argument(metavar="OWNER/NAME", help="What it will be called on the hub.")
]
Revision = Annotated[
    str | None, typer.Option(metavar="BRANCH", help="Branch to commit to; by default main.")
]
Licence = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Of what is published, in place of the model's own."),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="OWNER/NAME",
        help="What the model's backbone is called on the hub (@COMMIT behind it, if you like); "
        "its weights are compared.",
    ),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        metavar="OWNER/NAME",
        help="A data set on the hub that it was trained on; may be repeated.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(push)


def push(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="A model's directory.")],
    repository: Repository,
    private: Annotated[
        bool, typer.Option("--private", help="Make it private, if it is made now.")
    ] = False,
    revision: Revision = None,
    message: Annotated[str | None, typer.Option(help="Of the commit.")] = None,
    licence: Licence = None,
    backbone: Backbone = None,
    datasets: Datasets = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be published, and end.")
    ] = False,
) -> None:
    """Publish a model on the Hugging Face hub.

    In one commit: settings, weights, SHA256SUMS, and the card with the metadata that the hub shows.
    Nothing else of the directory, and no path of this machine. A backbone is named by its id on
    the hub, after its weights there were compared.

    Example: [bold]peft-sp push my-model OWNER/my-model --licence MIT[/bold]
    """
    from peft_sp.io.registry import publishing

    if not hub.is_id(repository) or "@" in repository:
        raise typer.BadParameter(f"'{repository}' is no name of the hub's, OWNER/NAME")
    if not Path(directory).is_dir():
        raise ModelError(f"{directory}: no such directory; what is published is a model's own")
    library = hub.library(repository)
    if not sys.stderr.isatty():
        library.utils.disable_progress_bars()
    if not dry_run:
        publishing.require_login(repository)
    publication = _prepared(directory, repository, licence or "", backbone, datasets or [])
    _say(publication, revision, private=private)
    if dry_run:
        return
    commit = publishing.push(
        publication,
        private=private,
        revision=revision,
        message=message or f"{publication.config.name or 'Model'}, by peft-sp {__version__}",
    )
    console.say(f"published as commit {commit}; it is used by --model {repository}@{commit}")


def _prepared(
    directory: str, repository: str, licence: str, backbone: str | None, datasets: list[str]
) -> Publication:
    """What is published of a model, all of it looked at."""
    from peft_sp.io.registry import publishing
    from peft_sp.training.evaluation.hub_card import hub_card

    # Never a bundled model or a pack of this name.
    model = lookup.find(directory if Path(directory).is_absolute() else f"./{directory}")
    own, name = model.config.backbone, backbone
    if own is None and backbone is not None:
        raise ModelError(f"model '{directory}' has no backbone; leave out --backbone")
    publishing.require_licence(model, licence)
    if own is not None and not (model.is_exported and backbone is None):
        try:
            from peft_sp.network.hub_backbone import hub_backbone
        except ImportError as error:
            what = "comparing the backbone with the hub's"
            raise MissingExtraError(what, "train", error.name) from None
        name = hub_backbone(backbone or own.name, own.sha256)
    publication = publishing.prepared(model, repository, licence=licence, backbone=name)
    card = Path(directory, CARD)
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    return publication.with_card(hub_card(text, publication, datasets))


def _say(publication: Publication, revision: str | None, *, private: bool) -> None:
    """What is published, and where."""
    from peft_sp.io.registry.publishing import address

    sizes, config = publication.sizes, publication.config
    count, megabytes = counted(len(sizes), "file"), sum(sizes.values()) / 1e6
    branch = f", branch {revision}" if revision else ""
    seen = "private if it is new" if private else "for everybody to see, unless it is private there"
    console.say(f"publishing {count}, {megabytes:.1f} MB, at")
    console.say(f"  {address(publication.repository)}{branch} ({seen})")
    console.say(f"  licence: {config.licence}")
    if config.backbone is not None:
        console.say(f"  backbone: {config.backbone.name}")
    for name, size in sizes.items():
        console.say(f"  {size:>12,}  {name}")
