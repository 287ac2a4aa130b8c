"""Our own table of predictions, tidy: one row a protein, one fact a column, in input order.

`FIELDS` declares the columns once; `predictions.tsv` and data frames are both made from it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, TextIO

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import REGIONS, Prediction
from peft_sp.errors import OptionError, PeftSpError

FILE = "predictions.tsv"


@dataclass(frozen=True)
class Field:
    """A fact of a prediction.

    name: of its column. kind: the type of its values. value: reads it from a prediction; None
    where there is none. of_cut: for a fact that only a protein with a signal peptide has.
    """

    name: str
    kind: type[str] | type[int] | type[float]
    value: Callable[[Prediction], Any]
    of_cut: bool = False


def _probability(type_name: str) -> Callable[[Prediction], float]:
    return lambda prediction: prediction.probabilities[type_name]


def _ends(region: str) -> tuple[Field, Field]:
    """First and last residue of a region."""

    def end(name: str) -> Field:
        def value(prediction: Prediction) -> int | None:
            span = prediction.span(region)
            return getattr(span, name) if span else None

        return Field(f"{re.sub(r'[^a-z]', '_', region)}_{name}", int, value, of_cut=True)

    return end("start"), end("end")


def _candidate(name: str) -> Callable[[Prediction], Any]:
    return lambda prediction: getattr(prediction.sites[0], name) if prediction.sites else None


def _alternatives(prediction: Prediction) -> str:
    """The other sites with their probabilities, as "19:0.0210 23:0.0105"."""
    return " ".join(f"{site.position}:{site.probability:.4f}" for site in prediction.sites[1:])


FIELDS = (
    Field("id", str, attrgetter("id")),
    Field("header", str, attrgetter("protein.header")),
    Field("file", str, attrgetter("protein.file")),
    Field("type", str, attrgetter("type")),
    Field("signal_peptide_probability", float, attrgetter("signal_peptide_probability")),
    *(Field(f"p_{name.lower()}", float, _probability(name)) for name in TYPES),
    Field("cleavage_site", int, attrgetter("cleavage_site"), of_cut=True),
    Field("cleavage_probability", float, attrgetter("cleavage_probability"), of_cut=True),
    Field("mature_start", int, attrgetter("mature_start"), of_cut=True),
    *(field for region in REGIONS for field in _ends(region)),
    Field("candidate_type", str, _candidate("type")),
    Field("candidate_site", int, _candidate("position")),
    Field("candidate_probability", float, _candidate("probability")),
    Field("alternative_sites", str, _alternatives),
    Field("length", int, lambda prediction: len(prediction.protein.sequence)),
    Field("organism", str, lambda prediction: str(prediction.organism)),
    Field("warnings", str, lambda prediction: "; ".join(prediction.warnings)),
)
COLUMNS = tuple(field.name for field in FIELDS)


_FORMATS: dict[type[Any], Callable[[Any], str]] = {str: str, int: str, float: "{:.6f}".format}


def cell(field: Field, value: Any) -> str:
    """A value of a field as the file has it, "" for None."""
    return "" if value is None else _FORMATS[field.kind](value)


def _text(field: Field) -> Callable[[Prediction], str]:
    """What writes a field into the file, "" where it has no value."""
    read, text = field.value, _FORMATS[field.kind]
    return lambda prediction: "" if (value := read(prediction)) is None else text(value)


def _nothing(prediction: Prediction) -> str:
    return ""


_TEXTS = tuple(map(_text, FIELDS))
_TEXTS_WITHOUT_CUT = tuple(_nothing if field.of_cut else _text(field) for field in FIELDS)


class TableWriter:
    """Writes `predictions.tsv` to any text stream; `begun`: its head stands there already."""

    def __init__(self, file: TextIO, begun: bool = False) -> None:
        self._file = file
        if not begun:
            file.write("\t".join(COLUMNS) + "\n")

    def write(self, prediction: Prediction) -> None:
        """Add one row; a field is empty where the prediction has no such value."""
        texts = _TEXTS if prediction.cleavage_site else _TEXTS_WITHOUT_CUT
        self._file.write("\t".join([text(prediction) for text in texts]) + "\n")


def parsed(line: str) -> dict[str, Any]:
    """A row of the file as data, by column: numbers as numbers, None where there is none.

    Raises ValueError for a line that no `TableWriter` wrote.
    """
    cells = line.rstrip("\n").split("\t")
    return {
        field.name: cell if field.kind is str else field.kind(cell) if cell else None
        for field, cell in zip(FIELDS, cells, strict=True)
    }


def to_dataframe(
    predictions: Iterable[Prediction], library: Literal["pandas", "polars"] | None = None
) -> Any:
    """Predictions as a data frame of pandas or polars, one row a protein.

    The columns are those of `predictions.tsv`; numbers are missing, and texts empty, where there
    is no signal peptide or no such region.

    library: None takes pandas where it is installed, otherwise polars. Raises PeftSpError where
    the library is not installed, ValueError for another one.
    """
    name, frames = _library(library)
    rows = list(predictions)
    values = {field.name: [_value(field, one) for one in rows] for field in FIELDS}
    if name == "polars":
        kinds = {str: frames.String, int: frames.Int64, float: frames.Float64}
        return frames.DataFrame(values, {field.name: kinds[field.kind] for field in FIELDS})
    # "Int64" is the integer of pandas that may be missing.
    dtypes = {str: "str", int: "Int64", float: "float64"}
    return frames.DataFrame(
        {
            field.name: frames.Series(values[field.name], dtype=dtypes[field.kind])
            for field in FIELDS
        }
    )


def _value(field: Field, prediction: Prediction) -> Any:
    value = field.value(prediction)
    return "" if value is None and field.kind is str else value


def _library(wanted: str | None) -> tuple[str, Any]:
    names = ("pandas", "polars")
    if wanted not in (None, *names):
        raise OptionError(f"a data frame is of 'pandas' or 'polars', not {wanted!r}")
    for name in names if wanted is None else (wanted,):
        try:
            return name, importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    needed = wanted or "pandas or polars"
    raise PeftSpError(f"a data frame needs {needed}: pip install {wanted or 'pandas'}")
