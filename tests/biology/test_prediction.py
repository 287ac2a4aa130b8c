"""What a prediction says of itself."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.organism import Organism
from peft_sp.biology.prediction import (
    MARGINAL_COLUMNS,
    REGIONS,
    Marginals,
    Prediction,
    Protein,
    Region,
)
from tests.support.predictions import by_type

SEQUENCE = "MKKRRTLLAVALLTGCSSNAK"
TATLIPO = Prediction(
    Protein("tl some protein", SEQUENCE, ("1 gap(s) removed",)),
    "TATLIPO",
    by_type(0.05, 0.05, 0.1, 0.0, 0.8),
    15,
    0.7,
    (
        Region("n-region", 1, 3),
        Region("twin-arginine motif", 4, 5),
        Region("n-region", 6, 6),
        Region("h-region", 7, 12),
        Region("lipobox", 13, 15),
        Region("lipid-modified cysteine", 16, 16),
    ),
    organism=Organism.OTHER,
)
NONE = Prediction(Protein("none", "MSTW"), "NO_SP", by_type(0.9, 0.1))


def test_probabilities_go_by_name():
    assert TATLIPO.probability == TATLIPO.probabilities["TATLIPO"] == 0.8
    assert list(TATLIPO.probabilities) == list(TYPES)


def test_the_sequence_falls_into_two():
    assert (TATLIPO.signal_peptide, TATLIPO.mature) == (SEQUENCE[:15], SEQUENCE[15:])
    assert (NONE.signal_peptide, NONE.mature) == ("", "MSTW")


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("n-region", (1, 6)),
        ("twin-arginine motif", (4, 5)),
        ("h-region", (7, 12)),
        ("lipobox", (13, 16)),
        ("lipid-modified cysteine", (16, 16)),
        ("signal peptide", (1, 15)),
        ("c-region", None),
        ("pilin motif", None),
    ],
)
def test_spans(name, ends):
    assert TATLIPO.span(name) == (Region(name, *ends) if ends else None)
    assert NONE.span(name) is None


def test_every_region_has_a_span_and_no_other_name():
    assert all(TATLIPO.span(name) for name in {region.name for region in TATLIPO.regions})
    assert {region.name for region in TATLIPO.regions} < set(REGIONS)
    with pytest.raises(ValueError, match=r"n-region, .*signal peptide, not 'n_region'"):
        TATLIPO.span("n_region")


def test_a_dictionary_is_what_json_holds():
    found = TATLIPO.to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["id"] == "tl" and found["header"] == "tl some protein"
    assert found["sequence"] == SEQUENCE and found["warnings"] == ["1 gap(s) removed"]
    assert found["probabilities"] == dict(TATLIPO.probabilities)
    assert found["regions"][1] == {"name": "twin-arginine motif", "start": 4, "end": 5}
    assert (found["cleavage_site"], found["cleavage_probability"]) == (15, 0.7)
    assert type(found["organism"]) is str and found["organism"] == "other"
    bare = NONE.to_dict()
    assert bare["cleavage_site"] is None and bare["regions"] == bare["sites"] == []
    # A copy: what is done to it leaves the prediction alone.
    bare["probabilities"]["SP"] = 5
    assert NONE.probabilities["SP"] == 0.1


def test_predictions_are_data():
    """Equal by value, usable in sets, whole after pickling; marginals do not count."""
    size = (len(NONE.protein.window), len(MARGINAL_COLUMNS))
    marginals = Marginals(np.zeros(size, np.float32), np.zeros(size[0], np.float32))
    same = Prediction(NONE.protein, "NO_SP", by_type(0.9, 0.1), marginals=marginals)
    assert same == NONE and len({same, NONE, TATLIPO}) == 2
    assert Prediction(NONE.protein, "NO_SP", by_type(0.8, 0.2)) != NONE
    again = pickle.loads(pickle.dumps(same))
    assert again == same and np.array_equal(again.marginals.regions, marginals.regions)


def test_what_follows_from_a_prediction():
    assert (TATLIPO.mature_start, NONE.mature_start) == (16, None)
    assert NONE.signal_peptide_probability == pytest.approx(0.1)
    over = Prediction(NONE.protein, "NO_SP", by_type(1.0000000001))
    assert over.signal_peptide_probability == 0
    noted = replace(TATLIPO, notes=("a note",))
    assert noted.warnings == ("1 gap(s) removed", "a note")
    assert noted.to_dict()["warnings"] == ["1 gap(s) removed", "a note"]
