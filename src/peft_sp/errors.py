"""The errors a user can cause. Each prints as one line: what, where, and the remedy.

`cli` catches `PeftSpError` once, prints it and exits with 2; anything else is a
fault of ours. The classes carry their data so that a caller can act on it.
"""

from __future__ import annotations

import copyreg
import re
from typing import Any

from peft_sp.wording import printable

_SHOWN = 60
"""Letters of a record's name, and of a word that is no word, that a message shows."""
_NO_WORD = re.compile(r"\S{250,}")
_LISTED = 20
"""Mistakes of a recipe that a message names; of the others it gives the count."""
_LONGEST = 2000
"""Letters of a problem, more than ten mistakes of a file take."""


class PeftSpError(Exception):
    """Base of every error with a cause outside the program; passes between processes.

    Its text is one line whatever names of files and models it holds.
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class again: it makes the message of other arguments.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


def _short(problem: str) -> str:
    """A problem without most of what a file may hold in place of a word or a number.

    Its beginning and its end, where the remedy is, are kept.
    """
    problem = _NO_WORD.sub(
        lambda word: word[0][:_SHOWN] + f"... ({len(word[0]):,} letters)", problem
    )
    if len(problem) <= _LONGEST:
        return problem
    return f"{problem[: _LONGEST // 2]} ... {problem[-_LONGEST // 4 :]}"


class InputError(PeftSpError):
    """Input that cannot be used.

    Attributes: path (file name or "-"), line (1-based, None if the whole file is meant),
    record (the record's name, None if there is none), position (1-based, of a record that was not
    read from a file among those that were given with it).
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | None = None,
        line: int | None = None,
        record: str | None = None,
        position: int | None = None,
    ) -> None:
        self.problem = problem = _short(problem)
        self.path, self.line, self.record = path, line, record
        self.position = position
        where = [] if path is None else ["standard input" if path == "-" else path]
        if line is not None:
            where.append(f"line {line}")
        if record is not None or position is not None:
            words = ["record"] if position is None else ["record", str(position)]
            if record is not None:
                shown = record if len(record) <= _SHOWN else record[:_SHOWN] + "..."
                words.append(f"'{shown}'")
            where.append(" ".join(words))
        super().__init__(": ".join([*([", ".join(where)] if where else []), problem]))


class UnreadableError(InputError):
    """Input whose bytes cannot be had now; another try may read them."""


class ChangedInputError(InputError):
    """Input that is no longer what it was: nothing that was made of it can be used."""


class OptionError(PeftSpError, ValueError):
    """An argument with a value that it cannot have."""


class OutputError(PeftSpError):
    """A result that cannot be written."""


class RecipeError(PeftSpError):
    """A recipe with one or more mistakes; `problems` holds one sentence each."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source, self.problems = source, [_short(problem) for problem in problems]
        shown = self.problems[:_LISTED]
        if more := len(problems) - len(shown):
            shown.append(f"and {more:,} more")
        super().__init__(f"{source}: " + "; ".join(shown))


class ModelError(PeftSpError):
    """A model, backbone or checkpoint that cannot be found, read or matched."""


class MissingExtraError(PeftSpError):
    """A part of PEFT-SP whose optional dependencies are not installed."""

    def __init__(self, what: str, extra: str, module: str | None = None) -> None:
        self.extra = extra
        missing = f" ({module} is missing)" if module else ""
        super().__init__(f"{what} needs more packages{missing}: pip install 'peft-sp[{extra}]'")
