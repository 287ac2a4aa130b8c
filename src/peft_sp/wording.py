"""Words of messages and cards: counts, and letters that a terminal may show."""

from __future__ import annotations

NOT_STATED = "not stated"
"""What stands for a licence that a model does not name."""
TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Invisible characters that turn a text's direction, so that it reads as another; for patterns."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun, as "1 protein" and "1,200 proteins". plural: where it takes no s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    """A text on one line, with escapes in place of all that is no letter or sign.

    Escape codes would act on the terminal; bytes of a file's name that are no UTF-8 have no letter.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
