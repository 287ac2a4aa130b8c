import gzip
import json

import pytest

from peft_sp.errors import OutputError
from peft_sp.training.crossval import crossvalidate, folds, read_figures
from peft_sp.training.recipe import Recipe
from peft_sp.training.runs import run


def recipe_of(labelled_file, **values):
    return Recipe(
        name="tiny",
        data=str(labelled_file),
        student={"width": 16, "hidden": 8, "convolutions": 1},
        optimisation={"epochs": 1, "batch_size": 32},
        **values,
    )


def test_the_protocol():
    deployed = [(f.partitions.train, f.partitions.test) for f in folds()]
    assert deployed == [((1, 2), 0), ((0, 2), 1), ((0, 1), 2)]


@pytest.mark.integration
def test_every_protein_is_predicted_once_by_a_model_that_never_saw_it(
    labelled, labelled_file, tmp_path
):
    recipe = recipe_of(labelled_file)
    result = crossvalidate(recipe, tmp_path / "cv")
    assert result.pooled.count == len(labelled)
    table = gzip.decompress((tmp_path / "cv" / "oof.tsv.gz").read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in table[1:]]
    expected = [
        (p.accession, str(p.partition)) for n in (0, 1, 2) for p in labelled if p.partition == n
    ]
    assert [(row[0], row[1]) for row in rows] == expected
    assert all(abs(sum(map(float, row[2:8])) - 1) < 1e-4 for row in rows)

    # A finished fold is not trained again, and the same run gives the same files.
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "cv").glob("test-*/config.json")}
    files = {p: p.read_bytes() for p in (tmp_path / "cv").iterdir() if p.is_file()}
    crossvalidate(recipe, tmp_path / "cv")
    assert len(before) == 3 and all(p.stat().st_mtime_ns == t for p, t in before.items())
    assert all(p.read_bytes() == content for p, content in files.items())

    with pytest.raises(OutputError, match="holds a model of another recipe"):
        crossvalidate(recipe_of(labelled_file, seed=2), tmp_path / "cv")

    measured = read_figures(tmp_path / "cv", recipe)
    run(recipe, tmp_path / "model", measured=measured)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["metrics"]["cross_validation"]["pooled"] == measured["pooled"]
    assert "protocol 'deployed'" in (tmp_path / "model" / "README.md").read_text()
    with pytest.raises(OutputError, match="was made with other settings"):
        read_figures(tmp_path / "cv", recipe_of(labelled_file, seed=2))
    with pytest.raises(OutputError, match="no figures of a cross-validation"):
        read_figures(tmp_path, recipe)
