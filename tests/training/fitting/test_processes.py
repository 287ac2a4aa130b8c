from contextlib import nullcontext

import pytest
from safetensors.torch import load_file
from tests.support import forked, together

from peft_sp.errors import RecipeError
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.fitting.processes import (
    decided_by_first,
    is_first_process,
    process_count,
    refuse_division,
    shards_are_asked_for,
    share,
)

TUNED = ("adapter_model.safetensors", "head.safetensors")


def test_a_process_of_its_own_is_the_only_one(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "PEFT_SP_USE_FSDP"):
        monkeypatch.delenv(name, raising=False)
    assert process_count() == 1 and is_first_process() and not shards_are_asked_for()
    assert share(5) == range(5)
    assert decided_by_first(lambda: "mine") == "mine"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8])
def test_shares_are_all_there_is_and_almost_equal(monkeypatch, size):
    monkeypatch.setenv("WORLD_SIZE", "3")
    found = []
    for number in range(3):
        monkeypatch.setenv("RANK", str(number))
        found.append(share(size))
    assert [row for rows in found for row in rows] == list(range(size))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize(
    ("batch_size", "precision", "problem"),
    [
        (3, "float32", "3 proteins cannot be divided among 4 processes"),
        (4, "nf4", "weights in 4 bits, are not divided"),
        (4, "bfloat16", None),
    ],
)
def test_what_cannot_be_divided_is_refused(monkeypatch, batch_size, precision, problem):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    expected = pytest.raises(RecipeError, match=problem) if problem else nullcontext()
    with expected:
        refuse_division("mine", batch_size, precision)


def settings(few_file, backbone):
    """Of a training with all that could differ: augmentation, batches left over, an average.

    Of 47 proteins batches of 8 leave 7, and two batches a step one.
    """
    options = {
        "data": few_file,
        "backbone": backbone,
        "partitions.train": "[1]",
        "partitions.validation": 2,
        "head.dropout": 0,
        "optimisation.epochs": 1,
        "optimisation.batch_size": 8,
        "optimisation.accumulation": 2,
    }
    return [word for key, value in options.items() for word in ("--set", f"{key}={value}")]


def largest_difference(first, second):
    differences = []
    for name in TUNED:
        own, other = load_file(first / name), load_file(second / name)
        assert own.keys() == other.keys()
        differences += [(own[key] - other[key]).abs().max().item() for key in own]
    return max(differences)


@pytest.fixture(scope="module")
def alone(few_file, tiny_backbone, tmp_path_factory):
    """The words of a command, and the model that it makes in one process."""
    model = tmp_path_factory.mktemp("alone") / "model"
    words = ["train", "lora-8M", *settings(few_file, tiny_backbone), "--activation-cache", "none"]
    code, _, errors = forked.run(*words, "-o", model)
    assert code == 0, errors
    return words, model


@pytest.mark.integration
@pytest.mark.parametrize("sharded", ["false", "true"], ids=["whole", "sharded"])
def test_two_processes_train_the_network_of_one(alone, tmp_path, sharded):
    words, model = alone
    code, output, errors = together.run(
        *words, "-o", tmp_path / "model", ACCELERATE_USE_FSDP=sharded
    )
    assert code == 0, errors
    assert largest_difference(model, tmp_path / "model") < 1e-6
    # One of them prints, and writes.
    assert output.count("model written to") == 1
    assert errors.count("epoch 1 ") == 1, errors
    mine, theirs = ModelConfig.read(model), ModelConfig.read(tmp_path / "model")
    assert mine.made.global_batch_size == theirs.made.global_batch_size == 16
    assert (mine.made.world_size, theirs.made.world_size) == (1, 2)
    assert mine.parameters == theirs.parameters
    assert not (tmp_path / "model" / "checkpoints").exists()
