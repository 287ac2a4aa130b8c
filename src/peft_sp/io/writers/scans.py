"""The substitutions of proteins as a tidy table: a row each, behind one of the protein as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from peft_sp.biology.prediction import Prediction
from peft_sp.biology.substitutions import Scan

Value = str | int | float | None

FILE = "scan.tsv"
FIELDS: dict[str, type[str] | type[int] | type[float]] = {
    "id": str,
    "position": int,
    "residue": str,
    "to": str,
    "signal_peptide_probability": float,
    "probability_change": float,
    "type": str,
    "type_changed": str,
    "cleavage_site": int,
    "site_change": int,
    "cleavage_probability": float,
    "cleavage_probability_change": float,
}
"""Columns and their types."""
COLUMNS = tuple(FIELDS)


def rows(scan: Scan) -> Iterator[dict[str, Value]]:
    """The rows of a scan, in the order of `COLUMNS`; None, or "" among texts, where empty."""
    yield _row(scan.wild_type, (None, "", ""), (None, "", None, None))
    for one in scan.substitutions:
        changed = "yes" if scan.changes_type(one) else "no"
        changes = (scan.change(one), changed, scan.shift(one), scan.cut_change(one))
        yield _row(one.prediction, (one.position, one.residue, one.to), changes)


def _row(
    prediction: Prediction,
    where: tuple[int | None, str, str],
    changes: tuple[float | None, str, int | None, float | None],
) -> dict[str, Value]:
    of_probability, of_type, of_site, of_cut = changes
    values = (
        *(prediction.id, *where),
        *(prediction.signal_peptide_probability, of_probability),
        *(prediction.type, of_type, prediction.cleavage_site, of_site),
        *(prediction.cleavage_probability, of_cut),
    )
    return dict(zip(COLUMNS, values, strict=True))


class ScanWriter:
    """Writes `scan.tsv`."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        file.write("\t".join(COLUMNS) + "\n")

    def write(self, scan: Scan) -> None:
        """Add the protein and all its substitutions."""
        for row in rows(scan):
            self._file.write("\t".join(map(_text, row.values())) + "\n")


def _text(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)
