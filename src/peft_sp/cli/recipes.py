"""`peft-sp recipes`, and how every command that trains takes a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peft_sp.cli.terminal import console
from peft_sp.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from peft_sp.training.recipe import Recipe

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe of the package ('peft-sp recipes' lists them), or a TOML file.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set an option of the recipe, e.g. optimisation.epochs=5; may be repeated.",
    ),
]
Unset = Annotated[
    list[str] | None,
    typer.Option(
        "--unset",
        metavar="KEY",
        help="Remove an optional setting of the recipe, e.g. partitions.test; may be repeated.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(recipes)


def read(recipe: str, settings: Sequence[str] | None, unset: Sequence[str] | None) -> Recipe:
    """The recipe that a command was given. Raises RecipeError, MissingExtraError."""
    try:
        from peft_sp.training.recipe import read_recipe
    except ImportError as error:
        raise MissingExtraError("a recipe", "train", error.name) from None
    return read_recipe(recipe, settings or (), unset or ())


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="A recipe's name, or a TOML file.")
    ] = None,
    settings: Set = None,
    unset: Unset = None,
    published: Annotated[
        str | None,
        typer.Option(
            metavar="FLAGS",
            help="Print the recipe of a command line of the published PEFT-SP's training script.",
        ),
    ] = None,
) -> None:
    """List the recipes of the package, or print one.

    A recipe is printed with everything that it inherits and all defaults, as a TOML file that can
    be edited and trained. With --published it says on standard error what became of each option
    that has no counterpart.

    Example: [bold]peft-sp recipes lora-8M > my-recipe.toml[/bold]
    """
    if published is not None:
        if name is not None:
            raise typer.BadParameter("give either a recipe or --published, and not both")
        console.say(_published_toml(published, settings or (), unset or ()).rstrip("\n"))
        return
    if name is None:
        if settings or unset:
            raise typer.BadParameter("--set and --unset need the name of a recipe")
        _list()
        return
    from peft_sp.io.registry import recipe_files

    if "windows" in recipe_files.resolve(recipe_files.find(name)):
        console.say(_pretraining_toml(name, settings or (), unset or ()).rstrip("\n"))
        return
    recipe = read(name, settings, unset)
    from peft_sp.training.recipe import as_toml

    console.say(as_toml(recipe).rstrip("\n"))


def _published_toml(flags: str, settings: Sequence[str], unset: Sequence[str]) -> str:
    from peft_sp.cli.training.published_flags import SOURCE, translate
    from peft_sp.io.registry import recipe_files

    try:
        from peft_sp.training.recipe import Recipe, as_toml, validated
    except ImportError as error:
        raise MissingExtraError("a recipe", "train", error.name) from None
    found = translate(flags)
    if problems := recipe_files.change(found.values, settings, unset):
        raise RecipeError(SOURCE, problems)
    recipe = validated(Recipe, SOURCE, found.values)
    for note in found.notes:
        console.log(note)
    return as_toml(recipe)


def _pretraining_toml(name: str, settings: Sequence[str], unset: Sequence[str]) -> str:
    try:
        from peft_sp.training.pretraining.recipe import as_toml, read_pretraining_recipe
    except ImportError as error:
        raise MissingExtraError("a recipe", "train", error.name) from None
    return as_toml(read_pretraining_recipe(name, settings, unset))


def _list() -> None:
    """Each description once, above the recipes that it is of."""
    from peft_sp.io.registry import recipe_files

    trained, pretrained = recipe_files.shipped(), recipe_files.shipped(recipe_files.PRETRAINING)
    described = ""
    for name, source in (*trained.items(), *pretrained.items()):
        values = recipe_files.resolve(source)
        description = _first_sentence(values["description"])
        if description != described:
            console.say(("\n" if described else "") + description)
            described = description
        method, backbone = _method_and_backbone(values)
        console.say(f"  {name:<23} {method:<14} {backbone}")
    console.say("\n'peft-sp recipes RECIPE' prints a recipe with all its settings.")


def _method_and_backbone(values: dict[str, Any]) -> tuple[str, str]:
    if "windows" in values:
        return "pretraining", Path(values["backbone"]).name
    if "student" in values:
        return "small network", "no backbone"
    return values["tuning"]["method"], Path(values["backbone"]).name


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.])\s+(?=[A-Z])", text, maxsplit=1)[0]
