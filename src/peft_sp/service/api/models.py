"""The models that a service offers, loaded when they are asked for something at once."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peft_sp.errors import InputError, ModelError, PeftSpError
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.io.registry import lookup
from peft_sp.io.writers import tables
from peft_sp.service.job import LimitError
from peft_sp.service.settings import ServiceSettings

_WAITING = 16
"""Requests that may wait while another is answered at once."""


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
        self._turn = threading.Lock()
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
                if model not in self._loaded:
                    self._loaded[model] = load(model, threads=self._settings.threads)
                text = io.StringIO()
                table = tables.TableWriter(text, begun=True)
                for prediction in self._loaded[model].predict(sequences, organism):  # type: ignore[arg-type]
                    table.write(prediction)
        finally:
            self._places.release()
        return [tables.parsed(line) for line in text.getvalue().splitlines()]


def _offered(name: str) -> Offered:
    try:
        found = lookup.find(name)
        digest = lookup.fingerprint(lookup.locate(found))
    except PeftSpError:
        return Offered(name)
    return Offered(name, found.config.description, found.version or None, digest, True)
