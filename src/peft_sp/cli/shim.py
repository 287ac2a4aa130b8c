"""`peft-sp install-shim`: a command named signalp6, for pipelines that call that name."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Annotated

import typer

from peft_sp.errors import OutputError
from peft_sp.io.atomic import EXECUTABLE, write_text

NAME = "signalp6"
MARK = "# made by peft-sp install-shim"
"""The second line of a file that is ours."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="install-shim")(install_shim)


def install_shim(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where; default: beside the command peft-sp."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it again.")] = False,
) -> None:
    """Install a command named signalp6 that runs peft-sp signalp6.

    A file of that name that is not ours is left alone.

    Example: [bold]peft-sp install-shim[/bold]
    """
    folder = _beside_peft_sp() if directory is None else directory
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such directory; make it first, or give another")
    path = folder.absolute() / NAME
    there = os.path.lexists(path)
    if there and not _is_ours(path):
        raise OutputError(f"{path}: was not made by peft-sp; left as it is, give another directory")
    if remove:
        if not there:
            raise OutputError(f"{path}: is not there")
        try:
            path.unlink()
        except OSError as error:
            raise OutputError(f"{path}: cannot be removed ({error.strerror})") from None
        print(f"removed {path}")
        return
    # -P: what lies in the folder that a pipeline runs in must not be imported.
    command = f"{shlex.quote(sys.executable)} -P -m peft_sp.cli.main signalp6"
    write_text(path, f'#!/bin/sh\n{MARK}\nexec {command} "$@"\n', EXECUTABLE)
    print(f"installed {path}")
    _warn_of_others(path)


def _beside_peft_sp() -> Path:
    """The folder of the running command, or of this Python's commands."""
    running = Path(sys.argv[0])
    if running.stem == "peft-sp" and running.is_file():
        return running.parent
    return Path(sysconfig.get_path("scripts"))


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(200).split(b"\n")[1:2] == [MARK.encode()]
    except OSError:
        return False


def _warn_of_others(path: Path) -> None:
    first = shutil.which(NAME)
    if first is None:
        problem = f"{path.parent} is not on PATH; add it, so that pipelines find {NAME}"
    elif not Path(first).samefile(path):
        problem = f"{first} comes first on PATH; pipelines will run that one"
    else:
        return
    print(f"peft-sp: {problem}", file=sys.stderr)
