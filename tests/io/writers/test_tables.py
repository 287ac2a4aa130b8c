"""The table of predictions as a file and as data frames."""

from __future__ import annotations

import io
import sys

import pytest

import peft_sp
from peft_sp.biology.prediction import Prediction, Protein, Region
from peft_sp.errors import PeftSpError
from peft_sp.io.writers.tables import COLUMNS, FIELDS, TableWriter, to_dataframe
from tests.support.predictions import by_type

LIBRARIES = ("pandas", "polars")


@pytest.fixture(scope="module")
def predictions(ecoli):
    return list(peft_sp.load("fast", threads=1).predict(peft_sp.read_fasta(ecoli)))


def test_our_own_table():
    regions = (
        Region("n-region", 1, 9),
        Region("twin-arginine motif", 10, 11),
        Region("n-region", 12, 12),
        Region("h-region", 13, 24),
        Region("lipobox", 25, 27),
        Region("lipid-modified cysteine", 28, 28),
    )
    protein = Protein("p x y", "M" * 99, ("2 gap(s) removed",))
    file = io.StringIO()
    table = TableWriter(file)
    table.write(Prediction(protein, "TATLIPO", by_type(0.1, 0, 0, 0, 0.9), 27, 0.85, regions))
    table.write(Prediction(Protein("q", "MK"), "NO_SP", by_type(1.0)))
    head, first, second = (line.split("\t") for line in file.getvalue().splitlines())
    assert tuple(head) == COLUMNS
    row = dict(zip(head, first, strict=True))
    assert (row["id"], row["type"], row["p_tatlipo"]) == ("p", "TATLIPO", "0.900000")
    assert (row["cleavage_site"], row["cleavage_probability"]) == ("27", "0.850000")
    assert (row["n_region"], row["h_region"], row["c_region"]) == ("1-12", "13-24", "")
    assert row["motif"] == "twin-arginine 10-11; lipobox 25-28"
    assert (row["length"], row["warnings"]) == ("99", "2 gap(s) removed")
    assert second[8:] == ["", "", "", "", "", "", "2", ""]


def rows_of(frame, library):
    """Rows as dictionaries, with None where a value is missing."""
    if library == "polars":
        return frame.to_dicts()
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


@pytest.mark.integration
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_data_frame_says_what_the_file_says(predictions, library):
    pytest.importorskip(library)
    file = io.StringIO()
    table = TableWriter(file)
    for prediction in predictions:
        table.write(prediction)
    head, *lines = (line.split("\t") for line in file.getvalue().split("\n")[:-1])
    rows = rows_of(to_dataframe(iter(predictions), library), library)
    assert len(rows) == len(lines) == 300
    for prediction, row, line in zip(predictions, rows, lines, strict=True):
        fields = dict(zip(head, line, strict=True))
        for region in ("n_region", "h_region", "c_region"):
            first, last = row.pop(f"{region}_start"), row.pop(f"{region}_end")
            assert fields.pop(region) == ("" if first is None else f"{first}-{last}")
        assert row.pop("header") == prediction.protein.header
        assert row.pop("organism") == "other"
        for name, text in fields.items():
            value = row.pop(name)
            if isinstance(value, float):
                assert f"{value:.6f}" == text
            else:
                assert ("" if value is None else str(value)) == text
        assert not row


@pytest.mark.parametrize("library", LIBRARIES)
def test_columns_have_their_types_also_without_rows(library):
    pytest.importorskip(library)
    full = to_dataframe([Prediction(Protein("q", "MK"), "NO_SP", by_type(1.0))], library)
    empty = to_dataframe([], library)
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert len(empty.columns) == len(FIELDS) + 3
    assert str(empty["cleavage_site"].dtype) == "Int64"


def test_pandas_comes_first_and_then_what_is_there(monkeypatch):
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    assert type(to_dataframe([])).__module__.split(".")[0] == "pandas"
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert type(to_dataframe([])).__module__.split(".")[0] == "polars"
    with pytest.raises(PeftSpError, match=r"^a data frame needs pandas: pip install pandas$"):
        to_dataframe([], "pandas")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(PeftSpError, match="needs pandas or polars: pip install pandas"):
        to_dataframe([])
    with pytest.raises(ValueError, match="not 'numpy'"):
        to_dataframe([], "numpy")
