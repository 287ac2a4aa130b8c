"""README's figures are those of the results; links lead somewhere."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.io.labelled import read_labelled
from peft_sp.io.registry.accuracy import BIG_CLASSES
from peft_sp.io.registry.lookup import bundled
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.evaluation.published import (
    BIG_CLASSES_MCC2,
    MEAN_MCC2,
    SIGNALP6_CLEAVAGE,
    SIGNALP6_MCC2,
)
from peft_sp.training.recipe import read_recipe
from peft_sp.training.runs.run import comparable_settings
from tests.support.paths import ROOT
from tests.support.scripts import script

README = (ROOT / "README.md").read_text()


def test_links_lead_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path}: {link}"


POOLED = {
    "fast": "`fast`",
    "esm2-8m": "`esm2-8m`",
    "esm2-8m-partitions": "three LoRAs, from 2 partitions",
    "lora-8M": "one LoRA, from 2 partitions",
}
STORED = ("fast", "lora-8M", "esm2-8m", "esm2-8m-teacher")


def measured_of(name):
    return json.loads((ROOT / "docs" / "results" / name / "metrics.json").read_text())


def test_accuracy_is_that_of_the_cross_validations():
    found = [
        {(c["organism"], c["type"]): c for c in measured_of(name)["pooled"]["classes"]}
        for name in ("fast", "esm2-8m")
    ]
    for key in BIG_CLASSES:
        cells = [" ".join(key), f"{found[0][key]['proteins']:,}"]
        for classes in found:
            c = classes[key]
            low, high = c["mcc2_interval"]
            recall, precision = c["cleavage_recall"][0], c["cleavage_precision"][0]
            cells += [
                f"{c['mcc2']:.3f} ({low:.3f} to {high:.3f})",
                f"{recall:.2f} / {precision:.2f}",
            ]
        recall, precision = SIGNALP6_CLEAVAGE[key]
        cells += [f"{SIGNALP6_MCC2[key]:.3f}", f"{recall:.2f} / {precision:.2f}"]
        assert f"| {' | '.join(cells)} |" in README
    for name, called in POOLED.items():
        measured = measured_of(name)
        pooled, (restricted, *_) = measured["pooled"], measured["restricted"]["classes"]
        low, high = pooled["mean_mcc2_interval"]
        cells = [
            called,
            f"{pooled['big_classes_mcc2']:.3f}",
            f"{pooled['mean_mcc2']:.3f} ({low:.3f} to {high:.3f})",
            *(f"{figure:.3f}" for figure in (pooled["multiclass_mcc"], restricted["mcc2"])),
        ]
        assert restricted["organism"] == "EUKARYA"
        assert f"| {' | '.join(cells)} |" in README


def test_figures_are_of_what_is_shipped():
    config = json.loads((bundled()["fast"] / "config.json").read_text())
    assert config["metrics"]["cross_validation"]["pooled"] == measured_of("fast")["pooled"]
    for name in STORED:
        recipe = read_recipe(name).model_dump(mode="json")
        assert comparable_settings(measured_of(name)["recipe"]) == comparable_settings(recipe)


def test_what_probabilities_are_worth_is_said_as_it_was_measured():
    """By the range of the probability of predicted signal peptides."""
    pages = [(ROOT / "docs" / name).read_text() for name in ("faq.md", "method.md")]
    faq, method = (" ".join(page.split()) for page in pages)
    right = {
        low: [
            band["right"]
            for name in ("fast", "esm2-8m")
            for band in measured_of(name)["calibration"]["groups"]["all"]["bands_of_called"]
            if band["from"] == low
        ]
        for low in (0.7, 0.85, 0.99)
    }
    fast, esm = right[0.99]
    assert f"above 0.99, {fast:.1%}".replace("%", " %") in faq
    assert f"and {esm:.1%} with".replace("%", " %") in faq
    for low in (0.85, 0.7):
        fast, esm = right[low]
        assert f"{fast:.0%} and {esm:.0%}".replace("%", " %") in faq
    fast, esm = right[0.85]
    assert f"{fast:.2f} (`fast`) and {esm:.2f} (`esm2-8m`)" in method


def test_reports_and_cards_say_how_settings_were_chosen():
    results = ROOT / "docs" / "results"
    told = [*results.glob("*/report.md"), *results.glob("*/models/*/README.md")]
    told += [ROOT / "packs" / "esm2-8m" / "README.md", bundled()["fast"] / "README.md"]
    for path in told:
        assert re.search(" chosen | optimised ", path.read_text()), path


@pytest.mark.parametrize("name", STORED)
def test_out_of_fold_predictions_give_these_figures(shared, name):
    """The committed predictions, scored anew against the labels."""
    text = gzip.decompress((ROOT / f"docs/results/{name}/oof.tsv.gz").read_bytes()).decode()
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    by_partition = sorted(
        read_labelled(shared / "data" / "train_set.fasta"), key=lambda p: p.partition
    )
    assert [row[0] for row in rows] == [p.accession for p in by_partition]
    outcomes = Outcomes(
        np.array([p.organism for p in by_partition]),
        np.array([TYPES.index(p.type) for p in by_partition]),
        np.array([TYPES.index(row[8]) for row in rows]),
        np.array([p.cleavage_site or 0 for p in by_partition]),
        np.array([int(row[9] or 0) for row in rows]),
        np.array([[float(x) for x in row[2:8]] for row in rows]),
    )
    found = score(outcomes).figures.to_json()
    measured = measured_of(name)["pooled"]
    assert found["mean_mcc2"] == measured["mean_mcc2"]
    for mine, theirs in zip(found["classes"], measured["classes"], strict=True):
        for figure in ("mcc1", "mcc2", "cleavage_recall", "cleavage_precision"):
            assert mine[figure] == theirs[figure]


def test_the_table_of_models_is_that_of_the_results():
    accuracy_speed = script("accuracy_speed")
    results = ROOT / "docs" / "results"
    table = accuracy_speed.as_markdown(
        accuracy_speed.read(results / "speed.json", results), results
    )
    assert accuracy_speed.with_table(README, table) == README
    report = (results / "published-esm2-8m-partitions" / "report.md").read_text()
    assert "| **mean** | | 0.803 (" in report
    assert "| published | 1 partition | 0.894 | 0.803 | 0.950 |" in table
    assert "| deployed | 2 partitions, remainder, teacher, unlabelled proteins | 0.919 |" in table


def test_the_page_of_the_published_protocol_is_that_of_the_results(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "results" / "published.md").read_text()
    assert script("published").text() == page


def test_the_answer_on_signalp6_is_that_of_the_results():
    text = " ".join(README.split())
    names = ("published-esm2-8m-partitions", "published-lora-8M", "fast", "esm2-8m")
    found = [measured_of(name)["mean_over_models"] for name in names]
    big, mean = ([means[key] for means in found] for key in ("big_classes_mcc2", "mean_mcc2"))
    euk = [
        c["mcc2"]["mean"] for means in found for c in means["classes"] if c["organism"] == "EUKARYA"
    ]
    signalp, three, one, fast, esm = BIG_CLASSES_MCC2["SignalP 6.0"], *(m["mean"] for m in big)
    assert f"is {signalp:.3f} for SignalP 6.0, one large network; {three:.3f} for three" in text
    assert f"together; {one:.3f} for one. For signal peptides" in text
    signalp = SIGNALP6_MCC2["EUKARYA", "SP"]
    assert f"of eukaryotes it is {signalp:.3f}, {euk[0]:.3f} and {euk[1]:.3f}." in text
    signalp, three, one = MEAN_MCC2["SignalP 6.0"], *(m["mean"] for m in mean[:2])
    assert (
        f"ours are ahead ({signalp:.3f}, {three:.3f} and {one:.3f}), but only because of small"
        in text
    )
    spread = [m["deviation"] for m in (*big[:2], *mean[:2])]
    assert f"vary by {min(spread):.2f} to {max(spread):.2f} (standard deviation," in text
    said = f"they have {fast:.3f} (`fast`) and {esm:.3f} (`esm2-8m`), for eukaryotes "
    assert f"{said}{euk[2]:.3f} and {euk[3]:.3f}." in text
    speeds = json.loads((ROOT / "docs/results/speed.json").read_text())
    rates = {row["model"]: row["proteins"] / row["seconds"] for row in speeds}
    said = f"`fast` predicts {rates['fast']:,.0f} proteins a second and `esm2-8m` "
    assert f"{said}{rates['esm2-8m']:.0f}." in text


@pytest.fixture
def like_for_like(monkeypatch, tmp_path):
    """The page's script, with results of one's own."""
    published = script("published")
    monkeypatch.setattr(published, "RESULTS", tmp_path)

    def write(name, **changes):
        content = measured_of("published-esm2-8m-partitions")
        content["recipe"] |= changes.pop("recipe", {})
        (tmp_path / f"published-{name}").mkdir()
        path = tmp_path / f"published-{name}" / "metrics.json"
        path.write_text(json.dumps(content | changes))

    return published, write


def test_the_page_speaks_of_the_models_that_it_has(like_for_like):
    published, write = like_for_like
    write("adapter-8M", recipe={"settings_origin": "Chosen by nobody."})
    page = published.text()
    assert "- `adapter-8M`: Chosen by nobody." in page
    assert "`lora-8M-windows`" not in page and "`esm2-8m-partitions`" not in page
    write("lora-8M-windows")
    assert "That of `lora-8M-windows` was also trained" in published.text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": {"remainder": {"max_identity": 0.36}}}, "more than the published data"),
        ({"recipe": {"distillation": {"mosaics": 2}}}, "more than the published data"),
        ({"sources": {"data_sha256": "0"}}, "other data"),
        ({"protocol": "deployed"}, "not of the published protocol"),
    ],
)
def test_a_result_that_is_not_like_the_published_ones_is_refused(like_for_like, changes, said):
    published, write = like_for_like
    write("lora-8M", **changes)
    with pytest.raises(SystemExit, match=said):
        published.text()
