"""The tidy table as Parquet: the columns of `predictions.tsv` behind the number of the record."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from peft_sp.biology.prediction import Prediction
from peft_sp.errors import MissingExtraError
from peft_sp.io.writers.tables import FIELDS, Field

FILE = "predictions.parquet"
RECORD = "record"
"""The first column: which record of its shard a row is of, from 1."""
ROWS = 1 << 16
"""Of a group of rows, which is in memory while it is filled."""
DIGITS = 6
"""Of probabilities, as in the text; fewer digits take less room."""


def require() -> Any:
    """The library that writes Parquet. Raises MissingExtraError."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("Parquet", "shards", error.name) from None
    return arrow


class ParquetWriter:
    """Writes predictions to a file, a group of rows at a time; a context manager.

    Raises MissingExtraError where the library is not installed, OSError where it cannot write.
    """

    def __init__(self, path: Path) -> None:
        self._arrow = require()
        self._schema = schema(self._arrow)
        self._file = self._arrow.parquet.ParquetWriter(
            path, self._schema, compression="zstd", use_dictionary=True
        )
        self._columns: list[list[Any]] = [[] for _ in self._schema]

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()

    def write(self, record: int, prediction: Prediction) -> None:
        """Add one row; a number is null where the prediction has no such value."""
        numbers, *columns = self._columns
        numbers.append(record)
        cut = bool(prediction.cleavage_site)
        for field, column in zip(FIELDS, columns, strict=True):
            column.append(_value(field, prediction) if cut or not field.of_cut else _none(field))
        if len(numbers) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._columns[0]:
            self._file.write_table(self._arrow.table(self._columns, schema=self._schema))
        self._columns = [[] for _ in self._schema]


def schema(arrow: Any) -> Any:
    """Names and types of the columns."""
    kinds = {str: arrow.string(), int: arrow.int32(), float: arrow.float64()}
    own = [arrow.field(field.name, kinds[field.kind]) for field in FIELDS]
    return arrow.schema([arrow.field(RECORD, arrow.int64()), *own])


def _none(field: Field) -> str | None:
    return "" if field.kind is str else None


def _value(field: Field, prediction: Prediction) -> Any:
    value = field.value(prediction)
    if field.kind is float:
        return None if value is None else round(value, DIGITS)
    return ("" if value is None else str(value)) if field.kind is str else value
