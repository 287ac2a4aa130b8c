"""What a run records beside its files, so that it can be resumed, and how it is read back.

A journal's checksum tells what was damaged from what was written; this tells what a run wrote from
what somebody else made up. Nothing of it is used before all of it was looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from peft_sp.biology.notes import warning_kinds
from peft_sp.biology.prediction import Prediction
from peft_sp.inference.cache import WindowCache
from peft_sp.io.results.journal import Journal, numbers_like
from peft_sp.io.results.run_info import RunInfo

UNDECIDED = "undecided"
"""Among organisms: predicted as other, because the header does not decide."""


class Counts:
    """Predictions by type and by organism, and with a warning: fields of `RunInfo`."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.organisms: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.warnings = 0

    def add(self, prediction: Prediction) -> None:
        """Count a prediction."""
        self.types[prediction.type] += 1
        self.organisms[UNDECIDED if prediction.undecided else prediction.organism] += 1
        if found := warning_kinds(prediction):
            self.notes.update(found)
            self.warnings += 1

    def state(self) -> dict[str, Any]:
        """Everything counted, as plain data for JSON."""
        return vars(self).copy()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Count on from what `state` gave. Raises ValueError for anything else."""
        if state.keys() != vars(self).keys():
            raise ValueError("other counts")
        for name, value in state.items():
            setattr(self, name, numbers_like(getattr(self, name), value))

    def added_to(self, info: RunInfo) -> RunInfo:
        """What is known of the run, with what was counted."""
        return replace(info, **vars(self))


@dataclass
class Recorded:
    """What a run had recorded when it was stopped.

    time, directory, source: of its first start (`RunInfo`). counts, cache: as they were. page: the
    state of `SummaryWriter`. read: what `FastaInput.read_so_far` gave. renamed: fields of
    `RunInfo`, where nothing is left to do.
    """

    time: datetime
    directory: str
    source: str
    counts: Counts
    cache: WindowCache
    page: Mapping[str, Any] | None = None
    read: tuple[int, str] | None = None
    renamed: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, journal: Journal, cached: int, summary: bool) -> Recorded:
        """Read a journal; cached: windows that are kept, at most; summary: the run has a page.

        Raises ValueError where no run of this program wrote it.
        """
        try:
            return cls._of(journal, cached, summary)
        except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"not recorded by a run ({error!r})") from None

    @classmethod
    def _of(cls, journal: Journal, cached: int, summary: bool) -> Recorded:
        state, done = journal.state, journal.done
        found = cls(
            datetime.fromisoformat(state["time"]),
            _text(state["directory"]),
            _text(state["source"]),
            Counts(),
            WindowCache(cached),
        )
        found.counts.restore(state["counts"])
        if not found.counts.types.total() == found.counts.organisms.total() == done:
            raise ValueError("counts of other proteins")
        if journal.whole:
            number, first = state["renamed"]["renamed"], state["renamed"]["renaming"]
            found.renamed = {"renamed": numbers_like(0, number), "renaming": _text(first)}
            return found
        found.cache.restore(state["windows"])
        if found.cache.settled != done:
            raise ValueError("results of other proteins")
        count, digest = state["read"]
        found.read = numbers_like(0, count), _text(digest)
        if summary:
            from peft_sp.io.plotting.summary.page import check_state

            check_state(state["page"])
            found.page = state["page"]
        return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
