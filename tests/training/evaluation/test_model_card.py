"""A model's card says what was measured, and a dash where nothing could be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import SUMMARY_METRICS
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.evaluation.model_card import (
    beside,
    card,
    cross_validated,
    licence_text,
    proteins_text,
    table,
    use_text,
    with_section,
)
from peft_sp.training.evaluation.published import SIGNALP6_DATA, SIGNALP6_LICENCE
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def scores():
    """Ten eukaryotic proteins, one of which is predicted to have a signal peptide and has none."""
    kinds = np.array([0] * 5 + [1] * 5)
    predicted = np.where(np.arange(10) == 0, 1, kinds)
    true_sites, sites = (np.where(types == 1, 20, 0) for types in (kinds, predicted))
    certain = np.eye(len(TYPES))[predicted]
    organism = np.array(["EUKARYA"] * 10)
    return score(Outcomes(organism, kinds, predicted, true_sites, sites, certain))


def test_figures_are_plain_data_with_null_where_undefined(scores):
    found = scores.figures.to_json()
    assert found["proteins"] == 10
    (one,) = found["classes"]
    assert (one["organism"], one["type"], one["proteins"]) == ("EUKARYA", "SP", 5)
    expected = (5 * 4 - 1 * 0) / math.sqrt(6 * 5 * 5 * 4)
    assert one["mcc2"] == pytest.approx(expected, abs=1e-6) == found["mean_mcc2"]
    assert one["cleavage_recall"] == [1.0] * 4
    assert one["mcc2_interval"] == [None, None], "nothing was resampled"


def test_a_table_has_a_row_a_class_and_its_means(scores):
    lines = table(scores.figures).splitlines()
    assert lines[2] == "| EUKARYA | SP | 5 | 0.816 | 0.816 | 1.000 | 0.833 |"
    assert lines[-1].startswith("Mean MCC2 over the 1 class: **0.816**, ")
    assert "over all 10 proteins" in lines[-1]


@pytest.mark.parametrize("metric", SUMMARY_METRICS, ids=lambda metric: metric.name)
def test_a_figure_that_an_earlier_version_did_not_have_is_a_dash(scores, metric):
    figures = {**scores.figures.to_json(), "big_classes_mcc2": 0.9}
    del figures[metric.name]
    text = cross_validated({"protocol": "deployed", "pooled": figures, "restricted": figures})
    assert "**–**" in text and text.count("–") == (1 if metric.name == "multiclass_mcc" else 2)


def test_figures_of_an_earlier_version_may_lack_a_block(scores):
    text = cross_validated({"protocol": "deployed", "pooled": scores.figures.to_json()})
    assert "mean MCC2 –, five big classes –." in text and "**0.816**" in text


def test_eukaryotes_with_their_types_alone_have_figures_of_their_own(scores):
    figures = scores.figures.to_json()
    text = cross_validated({"protocol": "deployed", "pooled": figures, "restricted": figures})
    said = "of eukaryotes' signal peptides MCC2 0.816, CS recall 1.000, CS precision 0.833."
    assert text.split("as `--organism eukarya` does: ")[1].startswith("mean MCC2 0.816, ")
    assert said in text


def test_a_card_is_a_title_and_its_sections():
    text = card("m", "A model.", [("Training", "On data."), ("Test", "None.")])
    assert text == "# m\n\nA model.\n\n## Training\n\nOn data.\n\n## Test\n\nNone.\n"


def proteins(**counts):
    """So many proteins of classes that are called like EUKARYA_SP."""
    return [
        LabelledProtein("p", *name.split("_", 1), 0, "M", "I")
        for name, count in counts.items()
        for _ in range(count)
    ]


def test_proteins_are_counted_by_class_in_each_set():
    train = proteins(NEGATIVE_LIPO=1200, EUKARYA_NO_SP=1)
    text = proteins_text(train, test=proteins(EUKARYA_NO_SP=1))
    assert text.splitlines() == [
        "The model was trained on 1,201 proteins of 2 classes, tested on 1 protein of 1 class "
        "(organism group and type).",
        "",
        "| organism | type | trained | tested |",
        "|---|---|--:|--:|",
        "| EUKARYA | NO_SP | 1 | 1 |",
        "| NEGATIVE | LIPO | 1,200 | 0 |",
    ]


def test_a_licence_is_named_or_asked_for():
    assert licence_text("CC-BY-4.0", "abc") == "Licence: CC-BY-4.0."
    assert '`--set licence="..."`' in licence_text("", "abc")
    of_known_data = licence_text("MIT", SIGNALP6_DATA)
    assert of_known_data.startswith("Licence: MIT. The labels are those of SignalP 6.0's")
    assert "CC BY-NC-ND 4.0 as a whole" in of_known_data


def test_the_shipped_models_say_what_is_known_of_the_data():
    for folder in ("src/peft_sp/models/fast", "packs/esm2-8m/src/peft_sp_esm2_8m"):
        assert SIGNALP6_LICENCE in (ROOT / folder / "README.md").read_text()


def test_a_model_on_a_backbone_says_what_it_needs():
    assert "the backbone `esm2_t6_8M`" in use_text("./m", "/where/ever/esm2_t6_8M")
    assert use_text("fast", None).endswith("It needs no torch.")
    assert beside(Path("/x/y/../z")) == "./z" and beside(Path()) == f"./{Path.cwd().name}"


def test_a_section_is_replaced_where_it_stands_or_comes_last():
    text = card("m", "A model.", [("Use", "Old\\1.\n\nMore."), ("Test", "None.")])
    new = with_section(text, "Use", "New\\1.")
    assert new == card("m", "A model.", [("Use", "New\\1."), ("Test", "None.")])
    assert with_section(new, "Test", "Two.") == new.replace("None.", "Two.")
    assert with_section(new, "More", "x") == new.rstrip() + "\n\n## More\n\nx\n"
