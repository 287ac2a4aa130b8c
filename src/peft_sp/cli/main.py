"""The command `peft-sp`."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any, NoReturn

import typer

from peft_sp.cli import predict, subset, train, tune
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
train.add_to(app)
subset.add_to(app)
tune.add_to(app)


def main() -> NoReturn:
    """Run a command. Exit 0 done, 1 our fault, 2 bad input or usage, as one line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        code = app(standalone_mode=False)
    except PeftSpError as error:
        print(f"peft-sp: {error}", file=sys.stderr)
        sys.exit(2)
    except _UsageError as error:
        # Without arguments typer has the whole help to say.
        message = error.format_message().replace("Value error, ", "")
        hint = "" if "\n" in message else " (--help shows what there is)"
        print(message if not hint else f"peft-sp: {message}{hint}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code or 0)


def _stop(number: int, _: Any) -> None:
    """Leave through the context managers, so that files that are not whole are removed."""
    print("peft-sp: stopped", file=sys.stderr)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
