"""`peft-sp models`: the available models, and one model's card."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peft_sp.cli.terminal import console
from peft_sp.io.registry import lookup
from peft_sp.io.registry.accuracy import (
    MAIN_CLASS_METRICS,
    MEAN_MCC2,
    Accuracy,
    Figures,
    as_text,
    count_text,
)
from peft_sp.io.registry.checksums import MANIFEST
from peft_sp.io.registry.lookup import Model
from peft_sp.wording import NOT_STATED, counted, printable

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 100
"""Columns of a terminal from which on a model has one line."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="models")(show)


def chosen(name: str, *, update: bool = False, whole: bool = False) -> Model:
    """The model that a command is to use; reports which commit a hub id stands for.

    update, whole: see `lookup.find`.
    """
    model = lookup.find(name, update=update, whole=whole)
    _report_commit(model)
    return model


def show(
    name: Annotated[
        str | None,
        typer.Argument(help="A model's name, directory or hub id; or a directory of models."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Ask the hub which commit a hub id stands for now."),
    ] = False,
) -> None:
    """List the available models, or show one model's card.

    A model is bundled, in an installed package (a pack), in a directory, or on the Hugging Face
    hub (owner/name, owner/name@revision). 'peft-sp predict --model NAME' uses it.

    Example: [bold]peft-sp models fast[/bold]
    """
    if name is None:
        if update:
            raise typer.BadParameter("--update needs the hub id of a model (owner/name)")
        _list(lookup.installed(), as_json)
    elif (
        not update
        and not os.path.lexists(Path(name) / lookup.CONFIG)
        and (models := lookup.within(name))
    ):
        _list(models, as_json)
    else:
        _show(lookup.find(name, update=update), as_json)


def _list(models: list[Model], as_json: bool) -> None:
    if as_json:
        console.say(json.dumps([_summary(model) for model in models], indent=2))
        return
    screen = console.screen()
    usable = [model for model in models if not model.problem]
    screen.print(_wide(usable) if screen.width >= WIDE else _narrow(usable))
    if broken := [model for model in models if model.problem]:
        console.say("\nnot usable:")
        for model in broken:
            console.say(f"  {model.name} ({_source(model)}): {model.problem}")
    if usable and usable[0].source != "directory":
        screen.print(
            "\nMCC2 as each model's own settings give it. peft-sp models NAME shows one model.",
            style="dim",
        )


def _wide(models: list[Model]) -> Any:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table("name", "source", box=SIMPLE, pad_edge=False)
    table.add_column("size", justify="right")
    table.add_column("licence")
    table.add_column(MEAN_MCC2.title, justify="right")
    table.add_column("euk. SP", justify="right")
    table.add_column("measured by")
    for model in models:
        accuracy = model.config.accuracy
        table.add_row(
            printable(model.name),
            _source(model),
            _size(model),
            printable(model.config.licence or NOT_STATED),
            as_text(accuracy.figures.mean_mcc2 if accuracy else None),
            as_text(accuracy.figures.eukaryotic_mcc2 if accuracy else None),
            printable(accuracy.measured if accuracy else "not measured"),
        )
    return table


def _narrow(models: list[Model]) -> Any:
    """A few lines a model, for a terminal that has no room for a table."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Any] = []
    for model in models:
        licence = model.config.licence or "licence not stated"
        facts = f"{_source(model)}, {_size(model)}, {licence}"
        parts += [
            Text(printable(model.name), style="bold"),
            Padding(Text(printable(facts)), (0, 0, 0, 2)),
            Padding(Text(printable(_in_words(model.config.accuracy))), (0, 0, 0, 2)),
        ]
    return Group(*parts)


def _show(model: Model, as_json: bool) -> None:
    _report_commit(model)
    has_manifest = ((model.directory or Path()) / MANIFEST).is_file()
    if as_json:
        config, accuracy = model.config, model.config.accuracy
        content = {
            **_summary(model),
            "checksums_compared": has_manifest,
            "classes": [c.to_json() for c in accuracy.figures.classes] if accuracy else [],
            "parameters": config.parameters and config.parameters.to_json(),
            "backbone": config.backbone and config.backbone.to_json(),
            "made": replace(config.made, trained_windows="").to_json() or None,
            "origin": config.origin or None,
            "citation": list(config.citation) or None,
        }
        console.say(json.dumps(content, indent=2))
        return
    from rich.table import Table
    from rich.text import Text

    screen = console.screen()
    screen.print(Text(printable(model.name), style="bold"))
    if model.config.description:
        screen.print(Text(printable(model.config.description)))
    screen.print()
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for label, fact in _facts(model, has_manifest):
        facts.add_row(Text(label), Text(printable(fact)))
    screen.print(facts)
    accuracy = model.config.accuracy
    screen.print()
    screen.print(Text(printable(_in_words(accuracy))))
    if accuracy is not None and accuracy.figures.classes:
        _print_classes(screen, accuracy.figures)


def _facts(model: Model, has_manifest: bool) -> Iterator[tuple[str, str]]:
    """Label and text of the facts that a card gives above the figures."""
    config = model.config
    yield "source", _source(model)
    yield "directory", str(model.directory)
    files = "checksums match SHA256SUMS" if has_manifest else "no SHA256SUMS to compare with"
    yield "files", f"{_size(model)}, {'exported' if model.is_exported else 'tensors'}; {files}"
    yield "licence", config.licence or NOT_STATED
    if (backbone := config.backbone) is not None:
        yield "backbone", f"{backbone.name} (SHA-256 of its weights {backbone.sha256[:12]}...)"
    made = config.made
    if made.data:
        checksum = f" (SHA-256 {made.data_sha256[:12]}...)" if made.data_sha256 else ""
        train = ", ".join(map(str, made.partitions.train or ()))
        yield "trained on", made.data + checksum + (f", partitions {train}" if train else "")
    if made.peft_sp:
        recipe = "; the whole recipe is in config.json" if made.recipe else ""
        yield "made by", f"peft-sp {made.peft_sp}{recipe}"
    if config.origin:
        yield "origin", config.origin
    for entry in config.citation:
        yield "cite", entry
    if model.directory is not None and (model.directory / "README.md").is_file():
        yield "card", str(model.directory / "README.md")


def _print_classes(screen: Console, figures: Figures) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    narrow = screen.width < 80
    table = Table("class", box=SIMPLE, pad_edge=False)
    table.add_column("proteins", justify="right")
    for metric in MAIN_CLASS_METRICS:
        for column in metric.columns[:1] if narrow else metric.columns:
            table.add_column(column, justify="right")
    for own in figures.classes:
        cells = [
            cell
            for metric in MAIN_CLASS_METRICS
            for cell in (metric.cells(own)[:1] if narrow else metric.cells(own))
        ]
        table.add_row(f"{own.organism} {own.type}", count_text(own.proteins), *cells)
    screen.print(table)
    screen.print("Cleavage sites (CS) are exact, tolerance 0.", style="dim")


def _summary(model: Model) -> dict[str, Any]:
    config, accuracy = model.config, model.config.accuracy
    return {
        "name": model.name,
        "source": model.source,
        "package": model.package or None,
        "version": model.version or None,
        "commit": model.commit or None,
        "directory": None if model.directory is None else str(model.directory),
        "bytes": None if model.problem else model.size,
        "exported": not model.problem and model.is_exported,
        "licence": config.licence or None,
        "description": config.description or None,
        "accuracy": None
        if accuracy is None
        else {
            "measured": accuracy.measured,
            "proteins": accuracy.figures.proteins,
            "mean_mcc2": accuracy.figures.mean_mcc2,
            "mean_mcc2_interval": accuracy.figures.mean_mcc2_interval,
            "eukaryotic_sp_mcc2": accuracy.figures.eukaryotic_mcc2,
        },
        "problem": model.problem or None,
    }


def _report_commit(model: Model) -> None:
    if not model.commit or model.name.endswith(f"@{model.commit}"):
        return
    text = f"model {model.name} is commit {model.commit}"
    if model.not_remembered:
        text += f", which cannot be remembered ({model.not_remembered}); name it: OWNER/NAME@COMMIT"
    elif model.newly_pinned:
        text += f", from now on; 'peft-sp models {model.name} --update' asks the hub again"
    console.note(text)


def _source(model: Model) -> str:
    if model.source == "pack":
        return f"{model.package} {model.version}"
    return f"hub, {model.commit[:12]}" if model.source == "hub" else model.source


def _size(model: Model) -> str:
    return f"{model.size / 1e6:.1f} MB"


def _in_words(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return "not measured"
    figures = accuracy.figures
    proteins = "" if figures.proteins is None else f", {counted(figures.proteins, 'protein')}"
    return (
        f"{MEAN_MCC2.title} {MEAN_MCC2.text(figures)}, eukaryotic SP "
        f"{as_text(figures.eukaryotic_mcc2)}; {accuracy.measured}{proteins}"
    )
