"""The table of predictions as a file and as data frames."""

from __future__ import annotations

import io
import sys

import pytest

import peft_sp
from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import CleavageSite, Prediction, Protein, Region
from peft_sp.errors import OptionError, PeftSpError
from peft_sp.io.writers.tables import COLUMNS, TableWriter, to_dataframe
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
    protein = Protein("p x y", "M" * 99, ("2 gap(s) removed",), file="in.faa")
    sites = (CleavageSite("TATLIPO", 27, 0.85), CleavageSite("TATLIPO", 25, 0.04))
    file = io.StringIO()
    table = TableWriter(file)
    chances = by_type(0.1, 0, 0, 0, 0.9)
    about = {"sites": sites, "notes": ("a note",)}
    table.write(Prediction(protein, "TATLIPO", chances, 27, 0.85, regions, **about))
    table.write(Prediction(Protein("q", "MK"), "NO_SP", by_type(1.0)))
    head, first, second = (line.split("\t") for line in file.getvalue().splitlines())
    assert tuple(head) == COLUMNS
    assert dict(zip(head, first, strict=True)) == {
        **{"id": "p", "header": "p x y", "file": "in.faa", "type": "TATLIPO"},
        **{
            "signal_peptide_probability": "0.900000",
            "p_no_sp": "0.100000",
            "p_tatlipo": "0.900000",
        },
        **{f"p_{name}": "0.000000" for name in ("sp", "lipo", "tat", "pilin")},
        **{"cleavage_site": "27", "cleavage_probability": "0.850000", "mature_start": "28"},
        **{"n_region_start": "1", "n_region_end": "12"},
        **{"h_region_start": "13", "h_region_end": "24"},
        **{"c_region_start": "", "c_region_end": ""},
        **{"lipobox_start": "25", "lipobox_end": "28"},
        **{"lipid_modified_cysteine_start": "28", "lipid_modified_cysteine_end": "28"},
        **{"twin_arginine_motif_start": "10", "twin_arginine_motif_end": "11"},
        **{"pilin_motif_start": "", "pilin_motif_end": ""},
        **{"candidate_type": "TATLIPO", "candidate_site": "27"},
        **{"candidate_probability": "0.850000", "alternative_sites": "25:0.0400"},
        **{"length": "99", "organism": "other", "warnings": "2 gap(s) removed; a note"},
    }
    bare = dict(zip(head, second, strict=True))
    assert {name for name, text in bare.items() if text} == {
        *("id", "header", "type", "length", "organism", "signal_peptide_probability"),
        *(f"p_{name.lower()}" for name in TYPES),
    }


def test_a_candidate_below_the_threshold_is_no_signal_peptide():
    sites = (
        CleavageSite("SP", 21, 0.25),
        CleavageSite("SP", 19, 0.1),
        CleavageSite("SP", 23, 0.05),
    )
    file = io.StringIO()
    prediction = Prediction(Protein("q", "MK"), "NO_SP", by_type(0.6, 0.4), sites=sites)
    TableWriter(file, begun=True).write(prediction)
    row = dict(zip(COLUMNS, file.getvalue()[:-1].split("\t"), strict=True))
    assert (row["type"], row["cleavage_site"], row["mature_start"]) == ("NO_SP", "", "")
    assert (row["candidate_type"], row["candidate_site"]) == ("SP", "21")
    assert (row["candidate_probability"], row["signal_peptide_probability"]) == (
        "0.250000",
        "0.400000",
    )
    assert row["alternative_sites"] == "19:0.1000 23:0.0500"


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
    for row, line in zip(rows, lines, strict=True):
        assert list(row) == head
        for (name, value), text in zip(row.items(), line, strict=True):
            if isinstance(value, float):
                assert f"{value:.6f}" == text, name
            else:
                assert ("" if value is None else str(value)) == text, name


@pytest.mark.parametrize("library", LIBRARIES)
def test_columns_have_their_types_also_without_rows(library):
    pytest.importorskip(library)
    full = to_dataframe([Prediction(Protein("q", "MK"), "NO_SP", by_type(1.0))], library)
    empty = to_dataframe([], library)
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert tuple(empty.columns) == COLUMNS
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
    with pytest.raises(OptionError, match="not 'numpy'"):
        to_dataframe([], "numpy")
