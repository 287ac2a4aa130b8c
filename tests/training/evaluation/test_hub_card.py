"""Cards for the hub, read by its own library."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peft_sp.io.registry import lookup, publishing
from peft_sp.training.evaluation.hub_card import hub_card
from tests.support.paths import ROOT

hub = pytest.importorskip("huggingface_hub", reason="needs the extra hub")
ENSEMBLE = ROOT / "docs" / "results" / "esm2-8m" / "models" / "all"
BACKBONE = "facebook/esm2_t6_8M_UR50D"


def card_of(directory, *, licence="MIT", backbone=None, datasets=(), text=None):
    """A model's card as the hub's library reads it."""
    model = lookup.find(directory)
    found = publishing.prepared(model, "lab/sp", licence=licence, backbone=backbone)
    own = (model.directory / "README.md").read_text() if text is None else text
    return hub.ModelCard(hub_card(own, found, datasets))


def test_the_hub_reads_what_the_model_is_and_how_good():
    card = card_of(ENSEMBLE, backbone=BACKBONE, datasets=["lab/proteins"])
    data = card.data
    assert (data.license, data.library_name) == ("mit", "peft-sp")
    assert (data.pipeline_tag, data.datasets) == ("token-classification", ["lab/proteins"])
    assert (data.base_model, data.base_model_relation) == (BACKBONE, "adapter")
    assert {"signal-peptide", "protein", "esm", "peft"} <= set(data.tags)
    assert data.model_name == "esm2-8m"
    figures = lookup.find(ENSEMBLE).config.accuracy.figures
    results = {(r.dataset_config, r.metric_name): r for r in data.eval_results}
    assert len(results) == len(data.eval_results) == 3 + 5 * 3
    mean = results[None, "mean MCC2"]
    assert mean == hub.EvalResult(
        task_type="token-classification",
        task_name="Signal peptide prediction",
        dataset_type="lab/proteins",
        dataset_name="SignalP 6.0's training set, Teufel et al. 2022",
        dataset_split="cross-validation (deployed)",
        metric_type="matthews_correlation",
        metric_name="mean MCC2",
        metric_value=figures.mean_mcc2,
    )
    of_class = results["EUKARYA SP", "CS recall"]
    own = next(c for c in figures.classes if (c.organism, c.type) == ("EUKARYA", "SP"))
    assert (of_class.metric_type, of_class.metric_value) == ("recall", own.cleavage_recall[0])
    assert of_class.dataset_name.endswith(": EUKARYA SP")
    data.to_yaml()  # and writes it again


def test_use_and_licence_are_those_of_the_hub():
    card = card_of(ENSEMBLE, licence="CC-BY-4.0", backbone=BACKBONE).text
    assert "peft-sp predict proteins.faa --model lab/sp -o results" in card
    assert "Licence: CC-BY-4.0." in card and card.count("## Licence") == 1
    assert f"the backbone `{BACKBONE}`" in card and "Give it by" not in card
    other = f"lab/esm2@{'a' * 40}"
    assert f"Give it by `--backbone {other}`." in card_of(ENSEMBLE, backbone=other).text
    assert "## Accuracy" in card


def test_an_exported_model_names_its_base_and_stands_alone():
    card = card_of("fast")
    assert card.data.base_model is None and "onnx" in card.data.tags
    assert "peft" not in card.data.tags and "It needs no torch." in card.text
    assert card.data.license == "mit"


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", {"license": "mit"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-3.0-or-later", {"license": "gpl-3.0"}),
        ("CC BY-NC-ND 4.0", {"license": "cc-by-nc-nd-4.0"}),
        (
            "MIT, and that of the backbone esm2, whose weights are inside",
            {
                "license": "other",
                "license_name": "mit-and-that-of-the-backbone-esm2-whose-weights-are-inside",
            },
        ),
    ],
)
def test_licences_go_by_the_hubs_names(licence, expected):
    data = card_of("fast", licence=licence).data.to_dict()
    assert {k: v for k, v in data.items() if k.startswith("license")} == expected


def test_a_card_that_had_metadata_has_them_once_and_no_picture_that_is_not_there(tmp_path):
    curves = "## Learning curves\n\n![x](x.svg)\n\n"
    text = f"---\nlicense: gpl\n---\n# sp\n\nMine.\n\n{curves}## Test\n\nT.\n"
    card = card_of("fast", text=text)
    assert card.data.license == "mit" and card.content.count("---\n") == 2
    assert "x.svg" not in card.text and "Mine." in card.text and "## Test" in card.text
    assert card_of("fast", text="").text.lstrip().startswith("# fast\n\nA small network")


def test_a_model_that_nobody_measured_has_no_figures(tmp_path):
    model = lookup.find("fast")
    config = replace(model.config, metrics=type(model.config.metrics)())
    config.write(tmp_path)
    (tmp_path / "model.onnx").write_bytes((model.directory / "model.onnx").read_bytes())
    (tmp_path / "README.md").write_text("# fast\n")
    data = card_of(tmp_path).data
    assert data.eval_results is None and data.license == "mit"
