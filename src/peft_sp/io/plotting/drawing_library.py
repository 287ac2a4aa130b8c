"""Matplotlib, so that no settings of the user's or of the current directory change a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from peft_sp.errors import MissingExtraError, OutputError

_SETTINGS = "matplotlibrc"


def load(purpose: str) -> None:
    """Import matplotlib, without the file of settings that may lie in the current directory.

    It reads such a file first, whoever put it there, and one that it cannot read ends the import.
    purpose: what is done with it, for the message.

    Raises MissingExtraError without matplotlib, OutputError where it cannot read its settings.
    """
    # Elsewhere only where need be: the directory is that of all threads.
    in_the_way = os.path.lexists(_SETTINGS)
    try:
        with chdir(Path(__file__).anchor) if in_the_way else nullcontext():
            import matplotlib.style  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(purpose, "plot", error.name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"matplotlib cannot be loaded ({error}); see its settings, a file {_SETTINGS} where "
            "MATPLOTLIBRC, MPLCONFIGDIR or its folder in your home say"
        ) from None


@contextmanager
def defaults(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's own settings with these changes, whatever files say."""
    from matplotlib import style

    with style.context(["default", dict(changes or {})]):
        yield
