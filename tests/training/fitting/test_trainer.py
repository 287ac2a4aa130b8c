import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from peft_sp.errors import OutputError, PeftSpError, RecipeError
from peft_sp.inference.backends import TorchBackend
from peft_sp.inference.loading import load
from peft_sp.io.labelled import partition, read_labelled
from peft_sp.network.checkpoint import load_checkpoint
from peft_sp.network.model import build_model, seed_everything
from peft_sp.training.evaluation.calibration import temper
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.evaluation.temperatures import fit_calibration
from peft_sp.training.fitting.trainer import train
from peft_sp.training.inputs import read_inputs
from peft_sp.training.recipe import Recipe
from peft_sp.training.runs.run import run

AUGMENTED = {
    "truncation_probability": 0.5,
    "substitution_probability": 0.1,
    "chimera_probability": 0.5,
}

TEACHERS = {"teachers": ["nosuch-model"], "fresh_fraction": 0.5}


@pytest.fixture
def recipe(few_file):
    return Recipe(
        name="tiny",
        data=str(few_file),
        student={"width": 16, "hidden": 8, "convolutions": 1, "residue_dropout": 0.1},
        partitions={"train": [1, 2], "test": 0},
        optimisation={
            "epochs": 2,
            "batch_size": 8,
            "ema_decay": 0.9,
            "class_balance": 0.4,
            **AUGMENTED,
        },
    )


def changed(recipe, **values):
    return Recipe.model_validate({**recipe.model_dump(), **values})


def fit(recipe, directory, **options):
    """Train a recipe on the split that it names."""
    return train(recipe, read_inputs(recipe).split(recipe.partitions), directory, **options)


def states(trained):
    return trained.model.trainable_state()


class KilledError(Exception):
    pass


def kill_at(step):
    """Break off a run in the middle of an epoch."""

    def progress(report):
        if report.phase == "training" and report.done >= step:
            raise KilledError

    return progress


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.integration
def test_a_killed_run_ends_as_one_that_was_not(recipe, tmp_path):
    whole = fit(recipe, tmp_path / "whole")
    steps = json.loads((tmp_path / "whole" / "recipe.json").read_text())  # it was written
    assert steps["name"] == "tiny"
    with pytest.raises(KilledError):
        fit(recipe, tmp_path / "killed", progress=kill_at(14))
    (checkpoint,) = (tmp_path / "killed").glob("checkpoint-*")
    kept = load_file(checkpoint / "model.safetensors")
    assert checkpoint.name == "checkpoint-10"
    assert kept.keys() == states(whole).keys()
    # As left by a kill in the middle of saving.
    half = tmp_path / "killed" / "checkpoint-20"
    half.mkdir()
    (half / "optimizer.pt").write_bytes(b"half")
    resumed = fit(recipe, tmp_path / "killed")
    assert_equal(states(whole), states(resumed))
    # A kill between the last epoch and the writing of the model loses nothing either.
    assert_equal(states(whole), states(fit(recipe, tmp_path / "whole")))


@pytest.mark.integration
def test_the_epoch_is_chosen_by_validation(recipe, tmp_path):
    recipe = changed(recipe, partitions={"train": [1], "validation": 2, "test": 0})
    log = []
    trained = fit(recipe, tmp_path, progress=log.append)
    figures = [report.figures for report in log]
    selections = [found["eval_selection"] for found in figures if "eval_selection" in found]
    assert len(selections) == 2
    assert trained.validation.scores.selection == pytest.approx(max(selections))


@pytest.mark.integration
def test_the_optimiser_is_the_one_asked_for(recipe, tmp_path):
    """A step of Adamax moves every parameter that has a gradient by its whole learning rate."""
    options = recipe.optimisation.model_dump() | {
        **{"optimiser": "adamax", "epochs": 1e-3, "ema_decay": 0, "weight_decay": 0},
        **{
            "schedule": "constant",
            "warmup_fraction": 0,
            "learning_rate": 1e-3,
            "head_learning_rate": 2e-3,
        },
    }
    one = changed(recipe, optimisation=options)
    seed_everything(one.seed)
    before = build_model(one).trainable_state()
    before = {name: tensor.clone() for name, tensor in before.items()}
    after = states(fit(one, tmp_path))
    moved = (after["head.weight"] - before["head.weight"]).abs()
    assert moved.max().item() == pytest.approx(2e-3, rel=1e-2)
    moved = (after["encoder.norm.weight"] - before["encoder.norm.weight"]).abs()
    assert moved.max().item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.integration
def test_lora_run_from_recipe_to_prediction(tiny_backbone, few, few_file, tmp_path):
    recipe = Recipe(
        name="tiny-lora",
        data=str(few_file),
        backbone=tiny_backbone,
        tuning={"method": "lora", "rank": 2},
        partitions={"train": [1], "test": 0},
        optimisation={"epochs": 1, "batch_size": 32, "learning_rate": 5e-3},
    )
    trained = run(recipe, tmp_path / "model")
    assert trained.test is not None
    assert not (tmp_path / "model" / "checkpoints").exists()
    with pytest.raises(OutputError, match="already holds a model"):
        run(recipe, tmp_path / "model")
    assert (tmp_path / "model" / "README.md").read_text().startswith("# tiny-lora\n")
    predictor = load(tmp_path / "model")
    tested = partition(few, [0])
    outcomes = Outcomes.predicted(predictor.backend, tested)
    assert score(outcomes, 1000).figures == trained.test.scores.figures
    pairs = [(p.accession, p.sequence) for p in tested]
    predictions = list(predictor.predict(pairs))
    assert [p.cleavage_site or 0 for p in predictions] == outcomes.site.tolist()
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["metrics"]["test"]["proteins"] == len(tested)
    assert str(few_file.parent) not in json.dumps(config["made"])


def test_a_directory_of_another_recipe_is_refused(recipe, tmp_path):
    with pytest.raises(KilledError):
        fit(recipe, tmp_path, progress=kill_at(14))
    with pytest.raises(OutputError, match="holds a run of another recipe"):
        fit(changed(recipe, seed=2), tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"student": None, "backbone": "nosuch", "tuning": {"method": "lora"}},
        {"data": "nosuch.fasta"},
        {"partitions": {"train": [1], "validation": 0, "test": 2}, "distillation": TEACHERS},
    ],
    ids=["backbone", "data", "teachers"],
)
def test_a_run_that_cannot_start_leaves_nothing(recipe, tmp_path, values):
    with pytest.raises(PeftSpError):
        run(changed(recipe, **values), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_the_device_refuses_leaves_nothing(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "nosuch")
    with pytest.raises(ValueError, match="NOSUCH"):
        fit(recipe, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_checkpoint_gives_way_to_another(recipe, tmp_path):
    """Nothing of it is lost, and a mistake in the first try must not claim the directory."""
    with pytest.raises(KilledError):
        fit(recipe, tmp_path, progress=kill_at(1))
    other = changed(recipe, seed=2)
    with pytest.raises(KilledError):
        fit(other, tmp_path, progress=kill_at(1))
    assert json.loads((tmp_path / "recipe.json").read_text())["seed"] == 2


def test_a_directory_is_held_by_one_run(recipe, tmp_path):
    inner = []

    def second(report):
        if not inner:
            inner.append(None)
            with pytest.raises(OutputError, match="in use by another run"):
                fit(recipe, tmp_path)
            raise KilledError

    with pytest.raises(KilledError):
        fit(recipe, tmp_path, progress=second)
    assert inner


def test_a_method_that_does_not_fit_its_backbone(recipe, tmp_path, tiny_backbone):
    values = {"student": None, "backbone": tiny_backbone}
    broken = changed(recipe, **values, tuning={"method": "lora", "layers": 7})
    with pytest.raises(RecipeError, match="layers is 7"):
        fit(broken, tmp_path)


@pytest.mark.slow
def test_lora_on_the_real_backbone_learns(shared, tmp_path):
    """A tenth of an epoch is enough to find most signal peptides of eukaryotes."""
    recipe = Recipe(
        name="short",
        data=str(shared / "data" / "train_set.fasta"),
        backbone=str(shared / "backbones" / "esm2_t6_8M"),
        tuning={"method": "lora"},
        partitions={"train": [2], "test": 0},
        optimisation={"epochs": 0.5, "batch_size": 32, "warmup_fraction": 0.3},
    )
    trained = fit(recipe, tmp_path)
    assert next(c.mcc2 for c in trained.test.scores.classes if c.organism == "EUKARYA") > 0.85


@pytest.mark.integration
def test_bfloat16_trains_the_network_and_leaves_the_crf_in_full_precision(
    tiny_backbone, few, few_file, tmp_path
):
    recipe = Recipe(
        name="half",
        data=str(few_file),
        backbone=tiny_backbone,
        tuning={"method": "lora", "rank": 2},
        partitions={"train": [1], "test": 0},
        optimisation={"epochs": 1, "batch_size": 32, "precision": "bfloat16"},
    )
    log = []
    trained = fit(recipe, tmp_path, progress=log.append)
    assert all(torch.isfinite(t).all() for t in states(trained).values())
    assert all(t.dtype == torch.float32 for t in states(trained).values())
    # What is said of it in the end is what it says as anyone will load it.
    fresh = build_model(recipe)
    fresh.load_trainable_state(states(trained))
    outcomes = Outcomes.predicted(TorchBackend(fresh), partition(few, [0]))
    assert np.array_equal(trained.test.outcomes.probabilities, outcomes.probabilities)
    # It can predict in that precision, too, which is near and not the same.
    half = Outcomes.predicted(TorchBackend(fresh, None, "bfloat16"), partition(few, [0]))
    assert np.allclose(half.probabilities, outcomes.probabilities, atol=0.1)
    assert not np.array_equal(half.probabilities, outcomes.probabilities)


def tuned(tiny_backbone, few_file, method, **options):
    return Recipe(
        name="tiny",
        data=str(few_file),
        backbone=tiny_backbone,
        tuning=method,
        partitions={"train": [1], "validation": 2, "test": 0},
        optimisation={"epochs": 1, "batch_size": 32, **options},
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("method", "files"),
    [
        ({"method": "frozen"}, ["layer-2.npy"]),
        ({"method": "adapter", "layers": 1}, ["layer-1.npy"]),
        ({"method": "lora"}, []),
    ],
    ids=lambda m: m["method"] if isinstance(m, dict) else "",
)
def test_frozen_layers_are_computed_once_and_kept(tiny_backbone, few_file, tmp_path, method, files):
    recipe = tuned(tiny_backbone, few_file, method)
    first = fit(recipe, tmp_path / "first", activation_cache=tmp_path / "kept")
    found = list((tmp_path / "kept").rglob("*.npy"))
    assert [p.name for p in found] == files
    # All of the windows, and found again by the next run, which ends the same.
    before = [p.stat().st_mtime_ns for p in found]
    second = fit(recipe, tmp_path / "second", activation_cache=tmp_path / "kept")
    assert [p.stat().st_mtime_ns for p in found] == before
    assert_equal(states(first), states(second))
    # Rounding to bfloat16 is all that differs from a run without it.
    plain = states(fit(recipe, tmp_path / "plain"))
    for name, tensor in states(first).items():
        torch.testing.assert_close(tensor, plain[name], atol=0.02, rtol=0.05)
    used = not torch.equal(states(first)["head.weight"], plain["head.weight"])
    assert used == bool(files)
    assert first.model.encoder.activation_cache is None


@pytest.mark.integration
@pytest.mark.parametrize(
    "option", [{"cache_activations": False}, {"truncation_probability": 0.5}], ids=str
)
def test_windows_that_vary_are_not_kept(tiny_backbone, few_file, tmp_path, option):
    recipe = tuned(tiny_backbone, few_file, {"method": "frozen"}, **option)
    fit(recipe, tmp_path / "run", activation_cache=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.integration
def test_gradient_checkpointing_changes_no_result(tiny_backbone, few_file, tmp_path):
    method = {"method": "lora", "dropout": 0.1}
    plain = fit(tuned(tiny_backbone, few_file, method), tmp_path / "plain")
    recipe = tuned(tiny_backbone, few_file, method, gradient_checkpointing=True)
    lean = fit(recipe, tmp_path / "lean")
    layer = lean.model.encoder.layers[0]
    assert layer.gradient_checkpointing
    for name, tensor in states(plain).items():
        torch.testing.assert_close(tensor, states(lean)[name], atol=1e-4, rtol=1e-3)


@pytest.mark.integration
def test_accumulated_batches_are_one_large_batch(recipe, tmp_path):
    plain = {"width": 16, "hidden": 8, "convolutions": 1, "residue_dropout": 0, "dropout": 0}
    found = []
    for size, accumulation in ((8, 1), (4, 2)):
        optimisation = {"epochs": 0.5, "batch_size": size, "accumulation": accumulation}
        options = {"student": plain, "head": {"dropout": 0}, "optimisation": optimisation}
        place = tmp_path / str(size)
        run(changed(recipe, **options), place)
        made = json.loads((place / "config.json").read_text())["made"]
        assert made["global_batch_size"] == 8
        steps = json.loads((place / "history.json").read_text())["training"]["step"][-1]
        found.append((steps, load_checkpoint(place).trainable_state()))
    (steps, whole), (again, parts) = found
    assert steps == again > 1
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, atol=1e-4, rtol=1e-3)


@pytest.mark.integration
def test_a_validation_partition_gives_the_temperature(tiny_backbone, few_file, tmp_path):
    recipe = tuned(tiny_backbone, few_file, {"method": "frozen"})
    trained = run(recipe, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    expected = fit_calibration(trained.validation).every.temperature
    assert config["calibration"]["temperature"] == pytest.approx(expected, abs=1e-4)
    assert config["calibration"]["fitted_on"] == "validation partition 2"
    # Loaded, it is part of every probability and of no type.
    loaded = load(tmp_path / "model").backend
    assert loaded.scores.temperatures.types == pytest.approx(expected, abs=1e-4)
    found = Outcomes.predicted(loaded, partition(read_labelled(few_file), [0]))
    assert np.array_equal(found.type, trained.test.outcomes.type)
    np.testing.assert_allclose(
        found.probabilities, temper(trained.test.outcomes.probabilities, expected), atol=1e-5
    )
