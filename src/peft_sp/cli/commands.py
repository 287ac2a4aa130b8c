"""All commands, run with one line for each mistake."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from peft_sp.cli import models, predict, recipes, serve, shim, signalp6
from peft_sp.cli.analysis import annotate, scan
from peft_sp.cli.cluster import shards
from peft_sp.cli.data import label, partition, subset
from peft_sp.cli.sharing import export, imports, pull, push
from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.stopping import Signals, Stopped
from peft_sp.cli.terminal.streams import ReaderGone, open_streams
from peft_sp.cli.training import backbones, crossval, evaluate, pretrain, train, tune
from peft_sp.errors import OptionError, OutputError, PeftSpError
from peft_sp.version import __version__

# Newer releases of typer carry a click of their own; this is the base of either one's errors.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="peft-sp",
    help="Predict signal peptides: type, cleavage site and regions of every protein.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        console.say(f"peft-sp {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Predict signal peptides: type, cleavage site and regions of every protein."""


predict.add_to(app)
annotate.add_to(app)
scan.add_to(app)
recipes.add_to(app)
backbones.add_to(app)
train.add_to(app)
crossval.add_to(app)
evaluate.add_to(app)
pretrain.add_to(app)
label.add_to(app)
partition.add_to(app)
subset.add_to(app)
tune.add_to(app)
signalp6.add_to(app)
serve.add_to(app)
shards.add_to(app)
shim.add_to(app)
models.add_to(app)
imports.add_to(app)
export.add_to(app)
push.add_to(app)
pull.add_to(app)


def run(signals: Signals) -> int:
    """Run a command; its exit code: 0 done, 1 our fault, 2 bad input or usage, as one line.

    A signal that stops it gives 128 and its number, as in shells. Called signalp6, the program is
    that command alone.
    """
    program, arguments = "peft-sp", sys.argv[1:]
    if Path(sys.argv[0]).stem == signalp6.NAME:
        program, arguments = signalp6.NAME, [signalp6.NAME, *arguments]
    open_streams()
    try:
        _refuse_empty(sys.argv[1:])
        with _own_matplotlib():
            code = _answer(program, arguments)
            signals.raise_again()
            sys.stdout.flush()
        signals.ignore()
        return code
    except PeftSpError as error:
        _end(str(error), error)
        return 2
    except Stopped as error:
        _end("stopped", error)
        return error.code
    except ReaderGone:
        return 0
    except _UsageError as error:
        # Of an option it says "Invalid value for"; else the message says what is wrong.
        message = error.format_message().removeprefix("Invalid value: ")
        if type(error).__name__ == "NoArgsIsHelpError":  # without arguments it is the whole help
            console.log_help(message)
        else:
            console.note(f"{message.replace('Value error, ', '')} (--help shows what there is)")
        return 2
    finally:
        # Behind an error what was printed may still be on its way: it must not cost the exit code.
        with suppress(OutputError, ReaderGone):
            sys.stdout.flush()


def _answer(program: str, arguments: list[str]) -> int:
    try:
        return int(app(arguments, prog_name=program, standalone_mode=False) or 0)
    except SystemExit as asked:
        if type(asked) is not SystemExit:  # ours
            raise
        return int(asked.code or 0)  # the way of argparse, when it has shown help or version


def _refuse_empty(arguments: list[str]) -> None:
    """No option, file or directory is called "": a script's variable was not set."""
    for before, argument in pairwise(["peft-sp", *arguments]):
        if not argument:
            raise OptionError(f"the argument behind '{before}' is empty; was a variable not set?")
        if argument.startswith("-") and argument.endswith("="):
            raise OptionError(f"the argument '{argument}' is empty; was a variable not set?")


@contextmanager
def _own_matplotlib() -> Iterator[None]:
    """Matplotlib's list of fonts and its settings are in a folder of this command.

    It would read the user's, and leave files in their home.
    """
    temporary = _temporary_directory()
    if os.environ.get("MPLCONFIGDIR") or temporary is None:
        yield
        return
    folder = Path(temporary, f"peft-sp-{secrets.token_hex(8)}")  # matplotlib makes it, if needed
    own = {"MPLCONFIGDIR": str(folder), "MPL_IGNORE_SYSTEM_FONTS": "1"}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _temporary_directory() -> str | None:
    try:
        return tempfile.gettempdir()
    except OSError:  # there is none that can be written
        return None


def _end(message: str, error: BaseException) -> None:
    """One line for what happened and for how it left things.

    Of processes that train together each names its own errors, and the first says that all stop.
    """
    from peft_sp.training.fitting.processes import process_number

    if number := process_number():
        if isinstance(error, Stopped):
            return
        message = f"process {number}: {message}"
    console.note("; ".join([message, *getattr(error, "__notes__", [])]))
