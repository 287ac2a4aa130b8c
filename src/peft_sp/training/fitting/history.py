"""What was measured while a network was trained, as a small file and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_sp.io.atomic import write_text
from peft_sp.io.plotting.panels import Curve, Panel, draw

HISTORY = "history.json"
CURVES = "learning_curves.svg"
POINTS = 400
"""Rows that are kept, however long a run is: steps are averaged, epochs left out."""
VALIDATION = "eval_"
"""What the trainer's names of validation figures begin with."""

Columns = dict[str, list[float | None]]
"""A table by its columns, all of one length."""


@dataclass(frozen=True)
class History:
    """Figures by step. training: step, epoch, loss (mean since the row before), learning_rate
    (the encoder's, or the head's where the encoder is frozen), seconds; validation: step, epoch,
    seconds and one column for each figure.
    """

    training: Columns
    validation: Columns

    @staticmethod
    def of(log: Sequence[Mapping[str, Any]]) -> History:
        """The history in a trainer's log (`state.log_history`)."""
        steps = [row for row in log if "loss" in row]
        names = ("step", "epoch", "loss", "learning_rate", "seconds")
        training = _table(_averaged(steps, ("loss",)), names)
        epochs = _every([row for row in log if any(key.startswith(VALIDATION) for key in row)])
        own = [key for key in (epochs[-1] if epochs else {}) if key.startswith(VALIDATION)]
        table = _table(epochs, ("step", "epoch", "seconds", *own)) if epochs else {}
        return History(training, {k.removeprefix(VALIDATION): v for k, v in table.items()})

    @property
    def seconds(self) -> float:
        """How long the training took, as far as it was recorded."""
        every = [table["seconds"][-1] for table in self._tables if table.get("seconds")]
        return max((value for value in every if value is not None), default=0.0)

    @property
    def _tables(self) -> tuple[Columns, Columns]:
        return self.training, self.validation

    def write(
        self,
        directory: Path,
        titles: Mapping[str, str] | None = None,
        panel: str = "validation partition",
    ) -> bool:
        """Write the file, and the picture where there is something to draw; whether there was.

        titles: of the validation figures that are drawn, by column; by default all. panel: the
        title of their chart. Raises OutputError.
        """
        content = {"training": self.training, "validation": self.validation}
        write_text(directory / HISTORY, json.dumps(content, allow_nan=False) + "\n")
        picture = draw(self._panels(titles, panel))
        if picture:
            write_text(directory / CURVES, picture)
        return bool(picture)

    def _panels(self, titles: Mapping[str, str] | None, title: str) -> list[Panel]:
        validation = self.validation
        names = titles or {k: k for k in validation if k not in ("step", "epoch", "seconds")}
        own = [
            Curve(name, _numbers(validation["epoch"]), validation[key])
            for key, name in names.items()
            if key in validation
        ]
        epochs = _numbers(self.training["epoch"])
        return [
            Panel("training loss", "epoch", (Curve("loss", epochs, self.training["loss"]),)),
            Panel(title, "epoch", tuple(own)),
            Panel(
                "learning rate",
                "epoch",
                (Curve("learning rate", epochs, self.training["learning_rate"]),),
            ),
        ]


def _averaged(
    rows: Sequence[Mapping[str, Any]], averaged: tuple[str, ...]
) -> list[dict[str, float | None]]:
    """At most `POINTS` rows: of as many neighbours the last one, with the mean of some columns."""
    size = max(1, math.ceil(len(rows) / POINTS))
    kept = []
    for start in range(0, len(rows), size):
        group = rows[start : start + size]
        means: dict[str, float | None] = {}
        for key in averaged:
            known = [value for row in group if (value := _finite(row.get(key))) is not None]
            means[key] = sum(known) / len(known) if known else None
        kept.append({**group[-1], **means})
    return kept


def _every(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most `POINTS` rows: every n-th one, counted from the last."""
    size = max(1, math.ceil(len(rows) / POINTS))
    return list(rows[::-1][::size][::-1])


def _table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Columns:
    return {name: [_finite(row.get(name)) for row in rows] for name in names}


def _finite(value: Any) -> float | None:
    """A number with as many digits as anyone reads; None for what is none, which JSON lacks."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [0.0 if value is None else value for value in values]
