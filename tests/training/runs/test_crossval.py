import gzip
import json
import shutil

import pytest

from peft_sp.errors import OutputError
from peft_sp.inference.loading import load
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.evaluation.evaluate import Evaluation, read_evaluation
from peft_sp.training.evaluation.temperatures import fit_calibration
from peft_sp.training.inputs import read_inputs
from peft_sp.training.runs.crossval import crossvalidate, read_figures
from peft_sp.training.runs.run import run


@pytest.fixture
def finished(crossvalidated, tmp_path):
    """A copy of the small recipe's cross-validation."""
    return shutil.copytree(crossvalidated, tmp_path / "cv")


def with_another_seed(recipe):
    return recipe.model_copy(update={"seed": 2})


def table_of(folder):
    text = gzip.decompress((folder / "oof.tsv.gz").read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines()]


@pytest.mark.integration
def test_every_protein_is_predicted_once_by_a_model_that_never_saw_it(
    labelled, small_recipe, finished, tmp_path
):
    recipe, inputs = small_recipe, read_inputs(small_recipe)
    rows = table_of(tmp_path / "cv")[1:]
    expected = [
        (p.accession, str(p.partition)) for n in (0, 1, 2) for p in labelled if p.partition == n
    ]
    assert [(row[0], row[1]) for row in rows] == expected
    assert all(abs(sum(map(float, row[2:8])) - 1) < 1e-4 for row in rows)

    # A finished fold is not trained again, and the same run gives the same files.
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "cv").glob("test-*/config.json")}
    files = {p: p.read_bytes() for p in (tmp_path / "cv").iterdir() if p.is_file()}
    result = crossvalidate(recipe, tmp_path / "cv", inputs)
    assert result.pooled.proteins == len(labelled)
    assert len(before) == 3 and all(p.stat().st_mtime_ns == t for p, t in before.items())
    assert all(p.read_bytes() == content for p, content in files.items())

    with pytest.raises(OutputError, match="holds a model of another recipe"):
        crossvalidate(with_another_seed(recipe), tmp_path / "cv")

    measured = read_figures(tmp_path / "cv", recipe, inputs)
    run(recipe, tmp_path / "model", measured=measured)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["metrics"]["cross_validation"]["pooled"] == measured["pooled"]
    pooled = measured["calibration"]["pooled"]
    assert config["calibration"] == pooled
    temperatures = load(tmp_path / "model").backend.scores.temperatures
    assert (temperatures.types, temperatures.eukarya) == (pooled["temperature"], pooled["eukarya"])
    assert temperatures.sites == pooled["sites"]
    assert "protocol 'deployed'" in (tmp_path / "model" / "README.md").read_text()
    with pytest.raises(OutputError, match="was made with other settings"):
        read_figures(tmp_path / "cv", with_another_seed(recipe), inputs)
    with pytest.raises(OutputError, match="no figures of a cross-validation"):
        read_figures(tmp_path, recipe, inputs)


@pytest.mark.integration
def test_a_fold_is_calibrated_by_the_others(small_recipe, finished, without_matplotlib):
    kept = {name: read_evaluation(finished / name / "evaluation.npz") for name in names(finished)}
    for name in kept:
        expected = fit_calibration(
            Evaluation.concatenate([e for n, e in kept.items() if n != name])
        )
        found = ModelConfig.read(finished / name).calibration
        assert found.temperature == pytest.approx(expected.every.temperature, abs=1e-4)
        assert found.eukarya == pytest.approx(expected.eukarya.temperature, abs=1e-4)
        assert found.sites == pytest.approx(expected.sites, abs=1e-4)
    content = json.loads((finished / "metrics.json").read_text())
    found = content["calibration"]
    assert found["before"] != found["after"]

    # An evaluation that was lost is computed again, with the same result.
    (finished / "test-1" / "evaluation.npz").unlink()
    assert crossvalidate(small_recipe, finished).content == content

    (finished / "test-1" / "evaluation.npz").write_bytes(b"half")
    with pytest.raises(OutputError, match="not readable"):
        crossvalidate(small_recipe, finished)


@pytest.mark.integration
def test_the_published_protocol(labelled, small_recipe, tmp_path, without_matplotlib):
    """Six models, each protein twice, means over models, and no intervals."""
    result = crossvalidate(small_recipe, tmp_path, protocol="published")
    rows = table_of(tmp_path)
    assert rows[0][-1] == "model"
    assert len(rows) == 2 * len(labelled) + 1
    assert {row[-1] for row in rows[1:]} == set(names(tmp_path)) and len(names(tmp_path)) == 6
    content = result.content
    assert content["pooled"]["mean_mcc2_interval"] == [None, None]
    found = content["mean_over_models"]
    per_class = [c["mcc2"]["mean"] for c in found["classes"]]
    assert found["mean_mcc2"]["mean"] == pytest.approx(sum(per_class) / len(per_class), abs=1e-6)
    assert found["mean_mcc2"]["models"] == 6
    with pytest.raises(OutputError, match="of protocol 'published'; give another directory"):
        crossvalidate(small_recipe, tmp_path)
    for name in names(tmp_path):
        fitted_on = ModelConfig.read(tmp_path / name).calibration.fitted_on
        assert fitted_on == f"validation partition {name[-1]}"


@pytest.mark.integration
def test_the_report_stands_on_its_own(crossvalidated):
    text = (crossvalidated / "report.md").read_text()
    for heading in ("Pooled out-of-fold", "Means over the models", "posterior and Viterbi"):
        assert heading in text
    assert "SignalP" not in text, "a sample is other data than what the published figures are of"
    pictures = [line for line in text.splitlines() if line.startswith("![")]
    assert len(pictures) == 5
    for line in pictures:
        assert (crossvalidated / line.split("(")[-1].rstrip(")")).stat().st_size > 1000
    assert "nan" not in text and "None" not in text


@pytest.mark.integration
def test_an_evaluation_is_stored_as_it_is(crossvalidated):
    found = read_evaluation(crossvalidated / "test-0" / "evaluation.npz")
    together = Evaluation.concatenate([found, found])
    size = len(found.lengths)
    assert together.viterbi.take(slice(size, None)).site.tolist() == found.viterbi.site.tolist()
    # A posterior's type and the best path's agree more often than not; both have sites.
    same = found.viterbi.type == found.outcomes.type
    assert same.mean() > 0.5
    assert ((found.viterbi.site > 0) == (found.viterbi.type > 0)).all()


def names(folder):
    return sorted(p.name for p in folder.glob("test-*"))
