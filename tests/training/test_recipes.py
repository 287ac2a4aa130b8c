"""Every recipe that is shipped."""

from __future__ import annotations

import re

import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.network.backbone import NAMES
from peft_sp.network.model import build_model
from peft_sp.training.recipe import read_recipe
from tests.support.paths import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
SIZES = ("8M", "35M", "150M", "650M", "3B")
METHODS = ("lora", "ia3", "adapter", "prompt", "frozen", "full")
RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN"]))


def depth_of(hub):
    return int(re.search(r"esm2_t(\d+)_", hub).group(1))


def test_each_method_has_a_recipe_for_each_size():
    names = {p.stem for p in RECIPES}
    assert {f"{method}-{size}" for method in METHODS for size in SIZES} <= names


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_it_builds_on_a_backbone_of_its_depth(path, tiny_backbone_of):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    if recipe.backbone is not None:
        assert recipe.backbone in NAMES.values()
        assert path.stem.upper().endswith(recipe.backbone.split("_")[2])
        tiny = tiny_backbone_of(depth_of(recipe.backbone))
        recipe = recipe.model_copy(update={"backbone": tiny})
    model = build_model(recipe)
    # As a step under the recipe's precision; gradients reach all that is to be trained.
    half = recipe.optimisation.precision == "bfloat16"
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        output = model(RESIDUES, torch.ones(2, 21, 37, dtype=torch.bool))
    assert output.log_likelihood is not None
    (output.emissions.float().sum() + output.marginals[..., 3].sum()).backward()
    assert all(p.grad is not None for p in model.parameter_groups()[0])
