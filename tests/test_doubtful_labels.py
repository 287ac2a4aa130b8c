"""The page of labels that models doubt: which are listed, and that the stored page is current."""

from __future__ import annotations

import csv

import pytest

from peft_sp.io.labelled import LabelledProtein
from tests.support.paths import ROOT
from tests.support.scripts import script as load


@pytest.fixture(scope="module")
def script():
    return load("doubtful_labels")


def protein(accession: str, kind: str = "NO_SP") -> LabelledProtein:
    sequence = "MKRLLLLLLVVVVLLASA" + "DE" * 26
    return LabelledProtein(accession, "EUKARYA", kind, 0, sequence, "I" * len(sequence))


def row(no_sp: float, kind: str = "SP") -> dict[str, str]:
    others = {"sp": 0.0, "lipo": 0.0, "tat": 0.0, "tatlipo": 0.0, "pilin": 0.0}
    others[kind.lower()] = 1 - no_sp
    probabilities = {f"p_{name}": f"{p:.6f}" for name, p in {"no_sp": no_sp, **others}.items()}
    return {**probabilities, "type": kind if no_sp < 0.5 else "NO_SP", "cleavage_site": "18"}


def test_a_label_is_listed_that_all_models_doubt_for_the_same_type(script):
    first = {"all": row(0.01), "one": row(0.01), "two": row(0.01), "mild": row(0.2)}
    second = {"all": row(0.02), "one": row(0.9), "two": row(0.02, "LIPO"), "mild": row(0.01)}
    found = list(script.doubts([protein(name) for name in first], [first, second]))
    assert [doubt.protein.accession for doubt in found] == ["all"]
    cells = dict(zip(script.COLUMNS, found[0].cells, strict=True))
    assert cells["probabilities_of_label"] == "0.010000 0.020000"
    assert cells["around_the_cut"] == "LLASA|DE" and cells["charge_in_front"] == "+2"
    assert cells["peak_stretch"] == "LLLLLLVVVVLL from 4"


def test_the_stored_page_says_what_the_stored_table_holds(script):
    with (ROOT / script.DIRECTORY / "labels.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    text = (ROOT / script.DIRECTORY / "README.md").read_text()
    assert f"\n{len(rows)} of the 20,290 labels" in text
    assert rows[0]["accession"] in text
    for one in rows:
        assert max(map(float, one["probabilities_of_label"].split())) < script.DOUBT
