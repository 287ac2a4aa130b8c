"""Counts in messages and cards."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun, as "1 protein" and "1,200 proteins". plural: where it takes no s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
