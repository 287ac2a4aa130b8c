"""The command `peft-sp`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from peft_sp.cli import (
    backbones,
    export,
    models,
    predict,
    recipes,
    shim,
    signalp6,
    subset,
    train,
    tune,
)
from peft_sp.errors import PeftSpError
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
        print(f"peft-sp {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Predict signal peptides: type, cleavage site and regions of every protein."""


predict.add_to(app)
recipes.add_to(app)
train.add_to(app)
subset.add_to(app)
tune.add_to(app)
signalp6.add_to(app)
shim.add_to(app)
models.add_to(app)
backbones.add_to(app)
export.add_to(app)


def main() -> NoReturn:
    """Run a command. Exit 0 done, 1 our fault, 2 bad input or usage, as one line.

    A signal that stops it gives 128 and its number, as in shells. Called signalp6, the program is
    that command alone.
    """
    program, arguments = "peft-sp", sys.argv[1:]
    if Path(sys.argv[0]).stem == signalp6.NAME:
        program, arguments = signalp6.NAME, [signalp6.NAME, *arguments]
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows knows no SIGHUP, and nohup ignores it
        if number and (name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN):
            signal.signal(number, _stop)
    try:
        code = app(arguments, prog_name=program, standalone_mode=False)
    except PeftSpError as error:
        _say(str(error), error)
        sys.exit(2)
    except _Stopped as error:
        _say("stopped", error)
        sys.exit(error.code)
    except _UsageError as error:
        # Without arguments typer has the whole help to say.
        message = error.format_message().replace("Value error, ", "")
        hint = "" if "\n" in message else " (--help shows what there is)"
        print(message if not hint else f"peft-sp: {message}{hint}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code or 0)


class _Stopped(SystemExit):
    """A signal asked the command to end."""


def _stop(number: int, _: Any) -> None:
    """Leave through the context managers, which know what is left of the run."""
    raise _Stopped(128 + number)


def _say(message: str, error: BaseException) -> None:
    """One line for what happened and for how it left things."""
    notes = getattr(error, "__notes__", [])
    print("; ".join([f"peft-sp: {message}", *notes]), file=sys.stderr)


if __name__ == "__main__":
    main()
