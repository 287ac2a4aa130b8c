"""Our own table of predictions, tidy: one row a protein, one fact a column, in input order.

`FIELDS` declares the columns once; `predictions.tsv` and data frames are both made from it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any, Literal, TextIO

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import Prediction, Region
from peft_sp.errors import PeftSpError

FILE = "predictions.tsv"
_REGIONS = ("n-region", "h-region", "c-region")
_MOTIFS = ("twin-arginine motif", "lipobox", "pilin motif")


@dataclass(frozen=True)
class Field:
    """A fact of a prediction.

    name: of its column. kind: the type of its values; a `Region` is one column "start-end" in the
    file and two numbers in a data frame, `name`_start and `name`_end. value: reads it from a
    prediction; None where there is none. in_file: False for what only a data frame has.
    """

    name: str
    kind: type[str] | type[int] | type[float] | type[Region]
    value: Callable[[Prediction], Any]
    in_file: bool = True


def _probability(type_name: str) -> Callable[[Prediction], float]:
    return lambda prediction: prediction.probabilities[type_name]


def _motifs(prediction: Prediction) -> str:
    """Motifs as "name start-end"; a lipobox takes in the cysteine behind the cut."""
    if not prediction.cleavage_site:
        return ""
    spans = [span for span in map(prediction.span, _MOTIFS) if span]
    return "; ".join(f"{s.name.removesuffix(' motif')} {s.start}-{s.end}" for s in spans)


FIELDS = (
    Field("id", str, attrgetter("id")),
    Field("header", str, attrgetter("protein.header"), in_file=False),
    Field("type", str, attrgetter("type")),
    *(Field(f"p_{name.lower()}", float, _probability(name)) for name in TYPES),
    Field("cleavage_site", int, attrgetter("cleavage_site")),
    Field("cleavage_probability", float, attrgetter("cleavage_probability")),
    *(Field(name.replace("-", "_"), Region, methodcaller("span", name)) for name in _REGIONS),
    Field("motif", str, _motifs),
    Field("length", int, lambda prediction: len(prediction.protein.sequence)),
    Field("organism", str, lambda prediction: str(prediction.organism), in_file=False),
    Field("warnings", str, lambda prediction: "; ".join(prediction.protein.warnings)),
)
COLUMNS = tuple(field.name for field in FIELDS if field.in_file)
"""Columns of `predictions.tsv`."""


def _text(field: Field) -> Callable[[Prediction], str]:
    """What writes a field into the file, "" where it has no value."""
    read = field.value

    def number(prediction: Prediction) -> str:
        value = read(prediction)
        return "" if value is None else str(value)

    def probability(prediction: Prediction) -> str:
        value = read(prediction)
        return "" if value is None else f"{value:.6f}"

    def span(prediction: Prediction) -> str:
        value = read(prediction)
        return "" if value is None else f"{value.start}-{value.end}"

    return {str: read, int: number, float: probability, Region: span}[field.kind]


_TEXTS = tuple(_text(field) for field in FIELDS if field.in_file)


class TableWriter:
    """Writes `predictions.tsv` to any text stream; `begun`: its head stands there already."""

    def __init__(self, file: TextIO, begun: bool = False) -> None:
        self._file = file
        if not begun:
            file.write("\t".join(COLUMNS) + "\n")

    def write(self, prediction: Prediction) -> None:
        """Add one row; a field is empty where the prediction has no such value."""
        self._file.write("\t".join([text(prediction) for text in _TEXTS]) + "\n")


def to_dataframe(
    predictions: Iterable[Prediction], library: Literal["pandas", "polars"] | None = None
) -> Any:
    """Predictions as a data frame of pandas or polars, one row a protein.

    The columns are those of `predictions.tsv`, named as there, with the whole header and the
    organism beside them, and a region as two columns: n_region_start and n_region_end, 1-based
    and inclusive. Numbers are missing where there is no signal peptide or no such region.

    library: None takes pandas where it is installed, otherwise polars. Raises PeftSpError where
    the library is not installed, ValueError for another one.
    """
    name, frames = _library(library)
    values: dict[str, list[Any]] = {column: [] for column in _flat_kinds()}
    for prediction in predictions:
        for field in FIELDS:
            value = field.value(prediction)
            if field.kind is Region:
                values[f"{field.name}_start"].append(value and value.start)
                values[f"{field.name}_end"].append(value and value.end)
            else:
                values[field.name].append(value)
    if name == "polars":
        kinds = {str: frames.String, int: frames.Int64, float: frames.Float64}
        return frames.DataFrame(values, {c: kinds[kind] for c, kind in _flat_kinds().items()})
    # "Int64" is the integer of pandas that may be missing.
    dtypes = {str: "str", int: "Int64", float: "float64"}
    return frames.DataFrame(
        {c: frames.Series(values[c], dtype=dtypes[kind]) for c, kind in _flat_kinds().items()}
    )


def _flat_kinds() -> dict[str, type]:
    """Columns of a data frame with the types of their values."""
    kinds: dict[str, type] = {}
    for field in FIELDS:
        if field.kind is Region:
            kinds |= {f"{field.name}_start": int, f"{field.name}_end": int}
        else:
            kinds[field.name] = field.kind
    return kinds


def _library(wanted: str | None) -> tuple[str, Any]:
    names = ("pandas", "polars")
    if wanted not in (None, *names):
        raise ValueError(f"a data frame is of 'pandas' or 'polars', not {wanted!r}")
    for name in names if wanted is None else (wanted,):
        try:
            return name, importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    needed = wanted or "pandas or polars"
    raise PeftSpError(f"a data frame needs {needed}: pip install {wanted or 'pandas'}")
