import pytest
import torch

from peft_sp.training.fitting.preparation import network_and_windows
from peft_sp.training.inputs import read_inputs
from peft_sp.training.recipe import Recipe


@pytest.fixture
def recipe(few_file, tiny_backbone):
    """Only the last layer is trained, and windows never vary."""
    return Recipe(
        name="tiny",
        data=str(few_file),
        backbone=tiny_backbone,
        tuning={"method": "lora", "layers": 1},
        partitions={"train": [1]},
    )


@pytest.mark.parametrize("varied", [False, True])
def test_layers_that_nothing_changes_are_looked_up(recipe, tmp_path, varied):
    if varied:
        options = {**recipe.optimisation.model_dump(), "truncation_probability": 0.5}
        recipe = Recipe.model_validate({**recipe.model_dump(), "optimisation": options})
    split = read_inputs(recipe).split(recipe.partitions)
    log = []
    model, windows = network_and_windows(recipe, split, tmp_path, tmp_path / "cache", log.append)
    assert len(windows) == len(split.train)
    assert (model.encoder.activation_cache is None) == varied
    assert {report.phase for report in log} == (set() if varied else {"frozen layers"})


def test_a_network_follows_from_the_seed_alone(recipe, tmp_path):
    split = read_inputs(recipe).split(recipe.partitions)
    first, second = (
        network_and_windows(recipe, split, tmp_path, None, None)[0].trainable_state()
        for _ in range(2)
    )
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
