"""What a run tells its caller while it works; nothing is printed here."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the proteins done and their total, batch by batch."""
Notice = Callable[[str], None]
"""Called with what a user should know before the work."""


class Stages:
    """Tells a caller how far a run is: by what is computed or, of two stages, by their mean."""

    def __init__(
        self, progress: Progress | None, total: int, two_stages: bool = False, done: int = 0
    ) -> None:
        self._progress, self._total, self._two_stages = progress, total, two_stages
        self._computed = self._written = done

    def computed(self, number: int) -> None:
        """So many proteins went through the network."""
        self._computed = number
        self._tell()

    def written(self, number: int) -> None:
        """So many proteins are written, and their pictures drawn."""
        if self._two_stages:
            self._written = number
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            done = self._computed + (self._written if self._two_stages else self._computed)
            self._progress(done // 2, self._total)
