"""What MkDocs needs to make the documentation (`mkdocs.yml`): equations and the pages that are
made from the code.

A hook of MkDocs, which calls the functions that begin with `on_`. Equations in a page are LaTeX
between dollars, as GitHub shows them; here they become MathML, which browsers draw by themselves.
While it is loaded, its folder is on the path of modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from architecture import HOUSE, SOURCE
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

import peft_sp
from peft_sp.cli.commands import app

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[1]
EQUATION = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    made = {
        "reference/python.md": python_page(),
        "reference/commands.md": commands_page(),
        "changelog.md": changelog_page(),
        **{
            f"reference/modules/{room.name}.md": room_page(room.name, room.purpose)
            for room in HOUSE
        },
    }
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Turn equations into MathML."""
    return EQUATION.sub(mathml, html)


def mathml(found: re.Match[str]) -> str:
    """The MathML of an equation, in its own line or within a sentence."""
    display = "block" if found["tag"] == "div" else "inline"
    return str(convert(unescape(found["latex"]).strip(), display=display))


def python_page() -> str:
    """The public names of the package, in the order in which one meets them."""
    parts = [
        "# Python\n\nThe public names of `peft_sp`. [From Python](../python.md) shows how they are "
        "used together; what stands behind them is described [by module](modules/inference.md).\n"
    ]
    for name in sorted(set(peft_sp.__all__) - {"__version__", "TYPES"}, key=str.lower):
        home = peft_sp._HOME.get(name, "peft_sp")
        parts.append(f"::: {home}.{name}\n    options:\n      heading_level: 2\n")
    return "\n".join(parts)


def room_page(room: str, purpose: str) -> str:
    """All modules of a room."""
    parts = [
        "---\nsearch: {exclude: true}\n---\n",
        f"# peft_sp.{room}\n\n{purpose[0].upper()}{purpose[1:]}: every module of this room.\n",
    ]
    for path in sorted((SOURCE / room).rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        parts.append(
            f"::: {name.removesuffix('.__init__')}\n    options:\n      heading_level: 2\n"
            "      show_root_full_path: true\n"
        )
    return "\n".join(parts)


def commands_page() -> str:
    """All commands with their options, from what `--help` prints."""
    group: Any = typer.main.get_command(app)  # of a click that typer carries
    parts = ["# Commands\n\nWhat `peft-sp COMMAND --help` says, on one page.\n"]
    for name, command in group.commands.items():
        parts += [f"## peft-sp {name}\n", *command_section(command)]
        for own, part in getattr(command, "commands", {}).items():
            parts += [f"### peft-sp {name} {own}\n", *command_section(part)]
    return "\n".join(parts)


def command_section(command: Any) -> Iterator[str]:
    """What a command does, and a table of its arguments and options."""
    text = re.sub(r"\[bold\](.*?)\[/bold\]", r"`\1`", command.help or "")
    yield f"{text.strip()}\n"
    rows = [row for parameter in command.params if (row := parameter_row(parameter))]
    if rows:
        yield "| argument or option | default | meaning |\n|---|---|---|"
        yield from rows
    yield ""


def parameter_row(parameter: Any) -> str:
    """A line of the table; nothing for what is hidden and for `--help`."""
    if getattr(parameter, "hidden", False) or parameter.name == "help":
        return ""
    option = parameter.param_type_name == "option"
    names = (
        [*parameter.opts, *parameter.secondary_opts] if option else [parameter.human_readable_name]
    )
    choices = getattr(parameter.type, "choices", ())
    shown = ", ".join(f"`{name}`" for name in names)
    if choices:
        shown += f" ({', '.join(str(getattr(one, 'value', one)) for one in choices)})"
    default = parameter.default
    plain = default is not None and default is not False and not callable(default) and default != ()
    standard = f"`{getattr(default, 'value', default)}`" if plain else ""
    if parameter.required:
        standard = "required"
    meaning = " ".join((getattr(parameter, "help", None) or "").split())
    return f"| {shown} | {standard} | {meaning} |".replace("\\|", "|")


def changelog_page() -> str:
    """`CHANGELOG.md`, with links as they are from here."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
