"""The models that a service offers, loaded when they are asked for something at once."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peft_sp.biology.organism import BY_HEADER, Organism
from peft_sp.biology.prediction import Protein
from peft_sp.errors import InputError, ModelError, PeftSpError
from peft_sp.inference.analysis.scan import scan
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.io.organism import organism_of
from peft_sp.io.registry import lookup
from peft_sp.io.writers import scans, tables
from peft_sp.service.job import LimitError
from peft_sp.service.settings import ServiceSettings

_WAITING = 16
"""Requests that may wait while another is answered at once."""
_LONGEST_HEADER = 1000
"""Letters of a scanned protein's header that are kept."""


class SlowModelError(ModelError):
    """A model that takes too long for what is to be answered at once."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"this model takes longer than {seconds:g} seconds for all changes of a protein, the "
            "most that is allowed here; choose a faster model, or use the command peft-sp scan"
        )


@dataclass(frozen=True)
class Offered:
    """A model of the service. version: of the package that holds it; hash: of its files."""

    name: str
    description: str = ""
    version: str | None = None
    hash: str | None = None
    installed: bool = False


class Models:
    """The models of a service by name; the first is the default."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._loaded: dict[str, Predictor] = {}
        self._turn, self._scanning = threading.Lock(), threading.Lock()
        self._places = threading.BoundedSemaphore(_WAITING)

    @property
    def default(self) -> str:
        """The name of the model that is taken where none is named."""
        return self._settings.models[0]

    @cached_property
    def offered(self) -> dict[str, Offered]:
        """All of them, by name."""
        return {name: _offered(name) for name in self._settings.models}

    def require(self, name: str) -> None:
        """Raise ModelError, for a client, where a model is not offered or not installed."""
        if name not in self.offered:
            raise ModelError(f"there is no such model here; choose {', '.join(self.offered)}")
        if not self.offered[name].installed:
            raise ModelError(f"model {name} is not installed on this server")

    def predict(
        self, model: str, organism: str, sequences: list[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        """Rows of `predictions.tsv` for a few sequences, one request at a time.

        Raises InputError for a record that cannot be predicted, LimitError where too many wait.
        """
        for position, (name, letters) in enumerate(sequences, 1):
            if len(letters) > self._settings.max_length:
                most = f"{self._settings.max_length:,} letters are the most that is taken here"
                raise InputError(f"too long; {most}", record=name, position=position)
        if not self._places.acquire(blocking=False):
            raise LimitError("too many requests are answered at once", 1, everyone=True)
        try:
            with self._turn:
                text = io.StringIO()
                table = tables.TableWriter(text, begun=True)
                for prediction in self._predictor(model).predict(sequences, organism):  # type: ignore[arg-type]
                    table.write(prediction)
        finally:
            self._places.release()
        return [tables.parsed(line) for line in text.getvalue().splitlines()]

    def scan(
        self, model: str, organism: str, header: str, window: str
    ) -> list[dict[str, scans.Value]]:
        """Rows of `scan.tsv` of a protein, one request at a time beside those of `predict`.

        Raises SlowModelError, between two batches, where it takes more than `max_scan_seconds`.
        """
        # Of megabytes of a header no changed protein carries a copy into the answer.
        protein = Protein(header[:_LONGEST_HEADER], window)
        if organism == BY_HEADER:
            organism = organism_of(header) or Organism.OTHER
        with self._turn:
            predictor = self._predictor(model)
        with self._scanning:
            end = time.monotonic() + self._settings.max_scan_seconds

            def look_at_the_clock(_: int) -> None:
                if time.monotonic() > end:
                    raise SlowModelError(self._settings.max_scan_seconds)

            (found,) = scan(protein, organism, predictor, report=look_at_the_clock)
        return list(scans.rows(found))

    def _predictor(self, model: str) -> Predictor:
        """The model, loaded once; to be called by one at a time."""
        if model not in self._loaded:
            self._loaded[model] = load(model, threads=self._settings.threads)
        return self._loaded[model]


def _offered(name: str) -> Offered:
    try:
        found = lookup.find(name)
        digest = lookup.fingerprint(lookup.locate(found))
    except PeftSpError:
        return Offered(name)
    return Offered(name, found.config.description, found.version or None, digest, True)
