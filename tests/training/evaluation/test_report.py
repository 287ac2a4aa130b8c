import json

import pytest

from peft_sp.io.registry.accuracy import Figures
from peft_sp.training.evaluation.model_card import cross_validated
from peft_sp.training.evaluation.report import mean_over_models, report
from tests.support.figures import figures
from tests.support.paths import ROOT

FOREIGN = {"data_sha256": "0" * 64, "backbone_sha256": None}


@pytest.fixture(scope="module")
def measured():
    """A finished cross-validation on SignalP 6.0's data."""
    return json.loads((ROOT / "docs/results/lora-8M/metrics.json").read_text())


def test_means_are_over_the_models_in_which_a_figure_is_defined():
    both = (("ARCHAEA", "TAT"), ("EUKARYA", "SP"))
    found = mean_over_models(
        {"a": Figures.of(figures(0.5, 0.2), ""), "b": Figures.of(figures(1.0, None, both), "")}
    )
    # Of the classes' means (0.75 and 1), not of the models'.
    assert found["mean_mcc2"] == {"mean": 0.875, "deviation": 0.353553, "models": 2}
    first, second = found["classes"]
    assert (first["organism"], second["organism"]) == ("EUKARYA", "ARCHAEA")
    assert first["cleavage_recall"] == {"mean": 0.2, "deviation": None, "models": 1}
    assert second["mcc2"] == {"mean": 1.0, "deviation": None, "models": 1}
    assert second["cleavage_precision"] == {"mean": None, "deviation": None, "models": 0}


def test_published_figures_stand_beside_those_of_the_same_data(measured):
    text = report(measured, ["classes.png"])
    assert "| organism | type | pooled | mean over models | SignalP 6.0 | LoRA-3B |" in text
    assert "SignalP 6.0's authors separated by homology" in text
    assert "beside the published figures](classes.png)" in text


def test_partitions_that_were_made_are_said(measured):
    said = "has no partitions, so that 3 were made by homology"
    text = report({**measured, "made_partitions": said})
    assert f"\n\nThe file of labelled proteins {said}.\n\n## Pooled" in text
    own = report({**measured, "made_partitions": ""})
    assert own == report(measured) and "The file of labelled proteins" not in own


def test_proteins_of_no_partition_that_were_learned_from_are_said(measured):
    limits = {"max_identity": 0.36, "max_evalue": 0.01}
    recipe = {**measured["recipe"], "remainder": limits}
    text = report({**measured, "recipe": recipe, "remainder": {"test-0": 3100, "test-1": 4450}})
    assert "learned from 3,100 to 4,450 labelled proteins of no partition, too" in text
    assert "is below 36%, and whose alignments with these have E-values above 0.01." in text
    assert "The published models did not" in text
    other = {**measured, "recipe": recipe, "remainder": {"a": 5, "b": 5}, "sources": FOREIGN}
    assert "learned from 5 labelled proteins" in report(other)
    assert "The published models" not in report(other)


@pytest.mark.parametrize("sources", [FOREIGN, {}, None])
@pytest.mark.parametrize("protocol", ["deployed", "published"])
def test_of_other_data_nothing_is_said_that_is_known_of_signalp6s(measured, sources, protocol):
    foreign = {**measured, "protocol": protocol, "sources": sources}
    foreign["recipe"] = {**measured["recipe"], "description": ""}
    for text in (report(foreign, ["classes.png"]), cross_validated(foreign)):
        assert "SignalP" not in text and "homology" not in text
        assert "LoRA-3B" not in text and "published figures" not in text
        assert "is not known here" in text
    assert "| organism | type | pooled | mean over models |\n" in report(foreign)
    assert "| organism | type | posterior | Viterbi |\n" in report(foreign)
