"""Names of records and files that stay apart: a number behind one that was given before."""

from __future__ import annotations

from collections.abc import Callable


class FreeNames:
    """Gives each name once, and with a number behind it where it was given before.

    fold: names that differ only in upper and lower case are the same, as they are to some
    file systems. taken: whether a name belongs to another that has not come yet.
    """

    def __init__(
        self, fold: bool = False, taken: Callable[[str], bool] = lambda name: False
    ) -> None:
        self._fold = fold
        self._taken = taken
        self._last: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        """The name, or name_2, name_3 and so on: the first that is free."""
        key = name.lower() if self._fold else name
        if key not in self._last:
            self._last[key] = 1
            return name
        number = self._last[key] + 1
        while f"{key}_{number}" in self._last or self._taken(f"{key}_{number}"):
            number += 1
        self._last[key] = number
        self._last[f"{key}_{number}"] = 1
        return f"{name}_{number}"


def as_text(path: str) -> str:
    """A path as text that every reader takes: bytes of it that are no UTF-8 become escapes.

    Python has half a surrogate pair for each, which strict readers of JSON refuse.
    """
    return path.encode("utf-8", "backslashreplace").decode()
