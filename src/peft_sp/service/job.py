"""A job as all of the service sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from peft_sp.errors import InputError, PeftSpError

State = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL: frozenset[State] = frozenset({"done", "failed", "cancelled"})


class LimitError(PeftSpError):
    """More than the service takes now; `seconds`: after which it may be tried again.

    everyone: the service is full, and not this client's share of it.
    """

    def __init__(self, problem: str, seconds: int, everyone: bool = False) -> None:
        self.seconds, self.everyone = seconds, everyone
        super().__init__(problem)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a job, as the API gives it: where in the input, as far as it is known."""

    message: str
    line: int | None = None
    record: str | None = None
    file: str | None = None

    @classmethod
    def of(cls, error: PeftSpError, names: Mapping[str, str] | None = None) -> Problem:
        """An error in the words of the client; names: of files, by the path they are read from.

        Nothing else of a path is given.
        """
        if not isinstance(error, InputError):
            return cls(str(error))
        file = (names or {}).get(error.path or "")
        return cls(error.problem, error.line, error.record, file or None)


@dataclass(frozen=True)
class Upload:
    """A file of a job's input. name: the client's, for messages and results and nothing else, ""
    for text that was pasted; path: where it is, which the service chose.
    """

    name: str
    path: Path

    @property
    def title(self) -> str:
        """What results and the equivalent command call it."""
        return self.name or "input.fasta"


@dataclass(frozen=True)
class Submission:
    """What a client asks for. client: who, as `limits.identity` has it; records: in the input,
    None where it was not read yet; compare: a second model; skip_invalid: see `RunOptions`.
    """

    client: str
    uploads: tuple[Upload, ...]
    organism: str = "auto"
    model: str = "fast"
    compare: str | None = None
    skip_invalid: bool = False
    records: int | None = None


@dataclass(frozen=True)
class Job:
    """A job and how far it is. Times are seconds since 1970, as `time.time` gives them.

    uploads: its input, gone where the job is over; results: the directory that `predict_run`
    wrote (with summary=True), and compared: the same of the second model; done, total: proteins;
    rate: of them in a second, and remaining: seconds, while it runs. counts: proteins by type;
    unusable: records that were left out, of the first of which `skipped` says why;
    version, digest: of the model that has done it (`models.Offered`).
    """

    id: str
    client: str
    state: State
    submitted: float
    expires: float
    organism: str
    model: str
    compare: str | None
    skip_invalid: bool
    uploads: tuple[Upload, ...]
    results: Path
    compared: Path
    started: float | None = None
    finished: float | None = None
    done: int = 0
    total: int | None = None
    rate: float | None = None
    remaining: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    unusable: int = 0
    skipped: tuple[Problem, ...] = ()
    version: str | None = None
    digest: str | None = None
    error: Problem | None = None
