"""Markdown tables whose head, alignment and rows cannot differ in their number of columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, labels: int = 1
) -> list[str]:
    """The lines of a table. labels: how many of the first columns are text; the rest are numbers.

    Raises ValueError for a row that has not as many cells as the head.
    """
    lines = [_line(head), "|" + "---|" * labels + "--:|" * (len(head) - labels)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row of {len(row)} cells in a table of {len(head)} columns")
        lines.append(_line(row))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
