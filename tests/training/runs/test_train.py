"""Training from Python: what comes back, and that it is what the command does."""

from __future__ import annotations

import math

import pytest

import peft_sp
from peft_sp.errors import MissingExtraError, RecipeError
from peft_sp.io.registry.accuracy import Figures
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.recipe import as_toml, read_recipe
from peft_sp.training.runs.train import recipe_of
from tests.support.commands import peft_sp as command

SETTINGS = {
    "student.width": 16,
    "student.hidden": 8,
    "student.convolutions": 0,
    "optimisation.epochs": 1,
    "optimisation.batch_size": 64,
    "licence": "MIT",
}


@pytest.fixture
def settings(labelled_file):
    return {**SETTINGS, "data": labelled_file}


def test_a_model_is_trained_and_says_what_it_is(settings, tmp_path):
    split = {"partitions.train": [1], "partitions.validation": 2, "partitions.test": 0}
    reports = []
    trained = peft_sp.train(
        "small", tmp_path / "mini", {**settings, **split}, progress=reports.append
    )
    assert trained.directory == tmp_path / "mini" and trained.recipe.student.width == 16
    config = ModelConfig.read(trained.directory)
    assert config.metrics.test == trained.test.figures
    assert config.metrics.validation == trained.validation.figures
    losses = trained.history.training["loss"]
    assert len(losses) >= 2 and all(math.isfinite(loss) for loss in losses)
    assert {report.phase for report in reports} >= {"training", "evaluation"}
    assert str(trained).startswith(f"small in {trained.directory}; validation: mean MCC2 ")
    (prediction,) = peft_sp.load(trained.directory).predict(["MKKTAIAIAVALAGFATVAQAAPKD"])
    assert abs(sum(prediction.probabilities.values()) - 1) < 1e-5
    with pytest.raises(peft_sp.OutputError, match="already holds a model"):
        peft_sp.train("small", tmp_path / "mini", settings)


def test_the_command_trains_the_same(settings, tmp_path):
    trained = peft_sp.train("small", tmp_path / "python", settings)
    given = [f"--set={key}={value}" for key, value in settings.items()]
    code, _, errors = command("train", "small", *given, "-o", tmp_path / "shell")
    assert code == 0, errors
    for name in ("head.safetensors", "encoder.safetensors"):
        assert (trained.directory / name).read_bytes() == (tmp_path / "shell" / name).read_bytes()


def test_a_cross_validation_gives_figures_and_models(
    settings, tmp_path, without_matplotlib, monkeypatch
):
    folds = []

    def follow(fold):
        folds.append(fold)
        return lambda report: None

    short = {**settings, "optimisation.epochs": 0.1}
    result = peft_sp.crossvalidate("small", tmp_path / "cv", short, progress=follow)
    assert folds == ["test-0", "test-1", "test-2"]
    assert [model.name for model in result.models] == folds
    assert all(ModelConfig.read(model).name == "small" for model in result.models)
    assert Figures.of(result.content["pooled"], "pooled") == result.pooled.figures
    assert str(result).startswith(f"small in {tmp_path / 'cv'}: mean MCC2 ")
    with_figures = peft_sp.train("small", tmp_path / "all", short, crossval=tmp_path / "cv")
    assert ModelConfig.read(with_figures.directory).accuracy.is_cross_validated


def test_options_are_values_and_none_removes_one(labelled_file, tmp_path):
    given = {"data": labelled_file, "tuning.rank": 4, "licence": 'A "B"'}
    by_name = recipe_of("lora-8M", given)
    assert (by_name.data, by_name.tuning.rank) == (str(labelled_file), 4)
    assert by_name.licence == 'A "B"'
    known = read_recipe("lora-8M")
    assert recipe_of(known) is known
    held_out = recipe_of(known, {**given, "partitions.train": [1, 2], "partitions.test": 0})
    assert recipe_of(held_out, {"partitions.test": None}).partitions.test is None
    file = tmp_path / "mine.toml"
    file.write_text(as_toml(held_out))
    from_file = recipe_of(file, {"partitions.test": None})
    assert (from_file.partitions.test, from_file.partitions.train) == (None, (1, 2))
    with pytest.raises(RecipeError, match=r"tuning\.rnak"):
        recipe_of("lora-8M", {"tuning.rnak": 4})
    with pytest.raises(RecipeError, match="did you mean"):
        recipe_of("lora-8N")


def test_without_the_packages_it_is_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft_sp.training.runs.train", None)
    with pytest.raises(MissingExtraError, match=r"peft_sp.train .*pip install 'peft-sp\[train\]'"):
        peft_sp.train("small", "out")
