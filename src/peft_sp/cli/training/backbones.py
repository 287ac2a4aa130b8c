"""`peft-sp backbones`: the language models that can be adapted, and what one of them is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.terminal import console
from peft_sp.errors import MissingExtraError

if TYPE_CHECKING:
    from peft_sp.network.encoders import Family


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(backbones)


def backbones(
    name: Annotated[
        str | None,
        typer.Argument(metavar="BACKBONE", help="A short name, a hub id or a directory."),
    ] = None,
) -> None:
    """List the families of backbones and those with short names, or describe one.

    A backbone is a language model of proteins that a recipe adapts. Of one that is named, its
    settings and its tokenizer are read (and fetched, where it is on the hub), not its weights.

    Example: [bold]peft-sp backbones ./prot_t5[/bold]
    """
    try:
        lines = list(_all() if name is None else _one(name))
    except ImportError as error:
        raise MissingExtraError("a backbone", "train", error.name) from None
    for line in lines:
        console.say(line)


def _all() -> Iterator[str]:
    from peft_sp.network.backbone_files import NAMES
    from peft_sp.network.encoders import FAMILIES

    for family in FAMILIES:
        yield f"{family.title:<20} model_type {family.model_type:<5} reads {_frame(family)}"
        if family.model_type == "esm":
            for name, hub in NAMES.items():
                yield f"  {name:<18} {hub}"
    yield ""
    yield "Others of these families are named as OWNER/NAME@COMMIT on the Hugging Face hub, or by a"
    yield "directory; their weights must be safetensors ('peft-sp import' converts pickles)."


def _one(name: str) -> Iterator[str]:
    from peft_sp.biology.alphabet import UNKNOWN
    from peft_sp.network.backbone_files import locate, read_config, token_ids
    from peft_sp.network.encoders import family_of
    from peft_sp.network.encoders.family import RARE

    config, tokens = read_config(name), token_ids(name)
    family = family_of(config)
    as_unknown = [letter for letter in RARE if tokens[letter] == tokens[UNKNOWN]]
    yield f"backbone        {locate(name)}"
    yield f"family          {family.title}"
    yield f"layers          {config.num_hidden_layers}, {config.hidden_size} wide"
    yield f"frame           {_frame(family)}"
    rare = f"{', '.join(as_unknown)} are read as X" if as_unknown else "a token each"
    yield f"rare residues   {rare}"
    yield f"export          {family.not_exported(config) or 'to ONNX'}"
    yield f"train           peft-sp train lora-8M --set backbone={name} --set data=FILE -o DIR"


def _frame(family: Family) -> str:
    before, behind, _ = family.frame
    return " ".join(filter(None, (before, "residues", behind)))
