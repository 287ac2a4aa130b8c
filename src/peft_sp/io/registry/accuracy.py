"""Accuracy figures: how `config.json` and `metrics.json` hold them, and which ones are shown.

The fields of `Figures` and `ClassFigures` are the names of all metrics; `Scores` of
`training/evaluation/metrics.py`, which computes them, has the same. `SUMMARY_METRICS` and
`CLASS_METRICS` declare once what cards, reports and commands show, so that their columns follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from peft_sp.io.registry import fields
from peft_sp.io.registry.fields import Table, optional, required

BIG_CLASSES = (
    ("EUKARYA", "SP"),
    ("NEGATIVE", "SP"),
    ("NEGATIVE", "LIPO"),
    ("NEGATIVE", "TAT"),
    ("POSITIVE", "LIPO"),
)
"""The classes large enough for a figure that does not swing."""
_COUNT = fields.integer(0)
_MCC = fields.nullable(fields.number(-1, 1))
_INTERVAL = fields.listed(_MCC, 2)
_FRACTION = fields.nullable(fields.number(0, 1))


@dataclass(frozen=True)
class ClassFigures(Table):
    """Figures of one class (organism group and type); None where one is undefined.

    proteins: how many of the class were tested; mcc1, mcc2: Matthews correlation against proteins
    without a signal peptide, and against all others; mcc2_interval: 95 % bootstrap interval;
    cleavage_recall, cleavage_precision: at tolerances of 0 to 3 residues.
    """

    organism: str = required(fields.text)
    type: str = required(fields.text)
    proteins: int | None = optional(_COUNT, always_written=True)
    mcc1: float | None = optional(_MCC, always_written=True)
    mcc2: float | None = optional(_MCC, always_written=True)
    mcc2_interval: tuple[float | None, float | None] | None = optional(
        _INTERVAL, always_written=True
    )
    cleavage_recall: tuple[float | None, ...] = optional(fields.listed(_FRACTION), ())
    cleavage_precision: tuple[float | None, ...] = optional(fields.listed(_FRACTION), ())


@dataclass(frozen=True)
class Figures(Table):
    """Accuracy on a set of proteins; None where a figure is undefined or not given.

    mean_mcc1, mean_mcc2: over the classes, with the latter's 95 % bootstrap interval;
    big_classes_mcc2: mean over the five big classes, if all are there; multiclass_mcc: over all
    proteins.
    """

    proteins: int | None = optional(_COUNT, always_written=True)
    mean_mcc1: float | None = optional(_MCC, always_written=True)
    mean_mcc2: float | None = optional(_MCC, always_written=True)
    mean_mcc2_interval: tuple[float | None, float | None] | None = optional(
        _INTERVAL, always_written=True
    )
    big_classes_mcc2: float | None = optional(_MCC, always_written=True)
    multiclass_mcc: float | None = optional(_MCC, always_written=True)
    classes: tuple[ClassFigures, ...] = optional(
        fields.listed(ClassFigures.of), (), always_written=True
    )

    @property
    def eukaryotic_mcc2(self) -> float | None:
        """MCC2 of eukaryotic Sec/SPI signal peptides."""
        for own in self.classes:
            if (own.organism, own.type) == ("EUKARYA", "SP"):
                return own.mcc2
        return None


@dataclass(frozen=True)
class Accuracy:
    """How accurate a model is by its own settings. measured: on what, in words."""

    measured: str
    is_cross_validated: bool
    figures: Figures


@dataclass(frozen=True)
class Metric:
    """A metric that is shown.

    name: of the field that it is read from, in figures, in scores and in the JSON files.
    title: of its column; short: the same in a terminal, where it is shorter. phrase: its part of
    the sentence below a card's table, with places for {value}, {classes} and {proteins}.
    has_interval: its 95 % bootstrap interval is the field NAME_interval.
    """

    name: str
    title: str
    short: str = ""
    phrase: str = ""
    has_interval: bool = False

    @property
    def heading(self) -> str:
        """The title of a column that holds the interval too."""
        return self.title + (" (95 % interval)" if self.has_interval else "")

    @property
    def columns(self) -> list[str]:
        """The titles of a terminal's columns, one for the value and one for the interval."""
        return [self.short or self.title, *(["95 % interval"] if self.has_interval else [])]

    def cells(self, figures: object) -> list[str]:
        """What stands in `columns`."""
        value = as_text(self.value(figures))
        return [value, self.interval(figures) or "–"] if self.has_interval else [value]

    def value(self, figures: object) -> float | None:
        """The metric in figures or scores, None where it is undefined or not given there.

        Of a metric of cleavage sites the value at tolerance 0.
        """
        value = getattr(figures, self.name, None)
        if isinstance(value, tuple):
            value = next(iter(value), None)
        return None if value is None or math.isnan(value) else float(value)

    def interval(self, figures: object) -> str:
        """Its interval as text, "" where it is undefined or not given.

        Or where it has no width: all resamples of so few proteins gave the same figure, which
        says nothing of how certain that is.
        """
        bounds = getattr(figures, f"{self.name}_interval", None) if self.has_interval else None
        if bounds is None or any(bound is None or math.isnan(bound) for bound in bounds):
            return ""
        if math.isclose(*bounds, abs_tol=1e-9):
            return ""
        return " to ".join(map(as_text, bounds))

    def text(self, figures: object, bold: bool = False) -> str:
        """Its value and, in brackets, its interval; bold: the value in Markdown's bold type."""
        value, interval = as_text(self.value(figures)), self.interval(figures)
        return (f"**{value}**" if bold else value) + (f" ({interval})" if interval else "")


MEAN_MCC2 = Metric(
    "mean_mcc2",
    "mean MCC2",
    phrase="Mean MCC2 over the {classes}: {value}, which classes of a few proteins swing",
    has_interval=True,
)
BIG_CLASSES_MCC2 = Metric(
    "big_classes_mcc2",
    "five big classes",
    phrase=f"over the five big classes ({', '.join(map(' '.join, BIG_CLASSES))}): {{value}}",
)
SUMMARY_METRICS = (
    MEAN_MCC2,
    BIG_CLASSES_MCC2,
    Metric(
        "multiclass_mcc",
        "multi-class MCC",
        phrase="multi-class MCC over all {proteins}: {value}",
    ),
)
"""Metrics of a whole test set."""
CLEAVAGE_METRICS = (
    Metric("cleavage_recall", "CS recall", "CS rec."),
    Metric("cleavage_precision", "CS precision", "prec."),
)
"""Metrics of a class's cleavage sites (CS), at tolerance 0."""
MAIN_CLASS_METRICS = (Metric("mcc2", "MCC2", has_interval=True), *CLEAVAGE_METRICS)
"""Metrics of a class where there is no room for all, and those that are averaged over models."""
CLASS_METRICS = (Metric("mcc1", "MCC1"), *MAIN_CLASS_METRICS)
"""Metrics of a class."""


def summary(figures: object) -> str:
    """The summary metrics of figures or scores in one line."""
    return ", ".join(f"{metric.title} {metric.text(figures)}" for metric in SUMMARY_METRICS)


def as_text(value: float | None) -> str:
    """A figure with three decimals, a dash where it is undefined."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def count_text(count: int | None) -> str:
    """A number of proteins, a dash where it is not given."""
    return "–" if count is None else f"{count:,}"
