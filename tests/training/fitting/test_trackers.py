"""Runs in TensorBoard, Weights & Biases and MLflow, by these packages themselves."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest
from tests.support import forked

from peft_sp.errors import MissingExtraError, OptionError
from peft_sp.training.fitting.trackers import NAMES, check
from peft_sp.training.recipe import Recipe, as_toml
from peft_sp.training.runs.run import run


@pytest.fixture
def recipe(labelled_file):
    return Recipe(
        name="tiny",
        data=str(labelled_file),
        student={"width": 16, "hidden": 8, "convolutions": 1},
        partitions={"train": [1], "validation": 2},
        optimisation={"epochs": 2, "batch_size": 32},
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working directory of its own, where trackers that write files have them."""
    for name in list(os.environ):
        if name.startswith(("WANDB", "MLFLOW", "TENSORBOARD")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_that_is_none_of_them_is_refused():
    with pytest.raises(OptionError, match="tensorboard, wandb, mlflow or none, not to 'comet'"):
        check(["comet"])


def test_none_is_none():
    assert check(["none"]) == check([]) == ()


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_not_installed_is_a_line_with_the_remedy(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'peft-sp\[{name}\]'"):
        check([name])


def test_a_folder_of_its_name_is_not_the_package(tmp_path, monkeypatch):
    (tmp_path / "wandb").mkdir()
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(MissingExtraError, match="wandb"):
        check(["wandb"])


@pytest.mark.integration
def test_a_run_is_reported_nowhere_unless_it_is_asked_for(recipe, home):
    run(recipe, home / "model")
    assert [path.name for path in home.iterdir()] == ["model"]
    assert not (home / "model" / "tensorboard").exists()


@pytest.mark.integration
def test_tensorboard_has_the_curves_in_the_models_directory(recipe, home):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run(recipe, home / "model", report_to=["tensorboard"])
    found = events.EventAccumulator(str(home / "model" / "tensorboard")).Reload()
    scalars = found.Tags()["scalars"]
    assert {"train/loss", "train/learning_rate", "eval/mean_mcc2", "eval/selection"} <= set(scalars)
    assert len(found.Scalars("eval/selection")) == 2


TWO_RUNS = """
import sys
from peft_sp.training.recipe import read_recipe
from peft_sp.training.runs.run import run
from tests.support import forked
for name in ("one", "two"):
    run(read_recipe("tiny.toml"), name, report_to=sys.argv[1:])
if "mlflow" in sys.argv:
    import mlflow
    client = mlflow.MlflowClient()
    found = client.search_runs(["0"])
    print(sorted(one.info.run_name for one in found), {one.info.status for one in found})
    print(len(client.get_metric_history(found[0].info.run_id, "eval_selection")))
"""


@pytest.fixture(scope="module")
def reported(small_recipe, tmp_path_factory):
    """The folder and the output of a process that reports two models to what is installed."""
    folder = tmp_path_factory.mktemp("reported")
    partitions = {"train": [1], "validation": 2}
    epochs = small_recipe.optimisation.model_copy(update={"epochs": 2})
    recipe = Recipe.model_validate(
        small_recipe.model_dump() | {"partitions": partitions, "optimisation": epochs}
    )
    (folder / "tiny.toml").write_text(as_toml(recipe))
    trackers = [name for name in ("wandb", "mlflow") if importlib.util.find_spec(name)]
    own = {"WANDB_MODE": "offline", "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/runs.db"}
    foreign = ("WANDB", "MLFLOW", "TENSORBOARD")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    around = {**kept, "HOME": str(folder), "no_proxy": "", **own}
    code, output, errors = forked.run(
        *trackers, program=TWO_RUNS, kind="training", cwd=folder, environment=around
    )
    assert code == 0, errors
    return folder, output


@pytest.mark.integration
def test_mlflow_has_a_run_for_each_model(reported):
    pytest.importorskip("mlflow")
    _, output = reported
    assert output.splitlines()[-2:] == ["['tiny, one', 'tiny, two'] {'FINISHED'}", "2"]


@pytest.mark.integration
def test_wandb_has_a_run_for_each_model_offline(reported):
    pytest.importorskip("wandb")
    folder, _ = reported
    assert len(list((folder / "wandb").glob("offline-run-*/run-*.wandb"))) == 2
