"""What a search varies, and what it may not vary."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from peft_sp.errors import RecipeError
from peft_sp.training.recipe import Recipe
from peft_sp.training.search.space import distributions, own_values, space_of


@pytest.fixture
def recipe_of(labelled_file):
    """A small recipe with some values of its own."""

    def make(**values):
        settings = {
            "name": "tiny",
            "data": str(labelled_file),
            "student": {"width": 16, "hidden": 8, "convolutions": 1, "kernel": 5},
            "optimisation": {"epochs": 2, "batch_size": 16},
            **values,
        }
        return Recipe.model_validate(settings)

    return make


def test_what_is_searched_by_default(recipe_of, tiny_backbone):
    student = space_of(recipe_of(search={}))
    assert list(student) == ["optimisation.learning_rate", "optimisation.head_learning_rate"]
    assert student["optimisation.learning_rate"].extremes() == pytest.approx((4e-4, 1e-2))

    def tuned(**tuning):
        recipe = recipe_of(student=None, backbone=tiny_backbone, tuning=tuning, search={})
        return recipe, space_of(recipe)

    recipe, space = tuned(method="lora")
    assert space["tuning.rank"].choices == (4, 8, 16)
    assert space["tuning.alpha"].choices == (4, 8, 16, 32)
    assert space["tuning.layers"].extremes() == (1, 2)
    own = own_values(recipe, space)
    assert (own["tuning.layers"], own["tuning.alpha"]) == (2, 8)
    assert own_values(recipe_of(optimisation={"batch_size": 99}), space) is None
    for method, keys in (
        ("adapter", {"tuning.bottleneck", "tuning.layers"}),
        ("prompt", {"tuning.length"}),
        ("ia3", {"tuning.layers"}),
        ("full", set()),
        ("frozen", set()),
    ):
        _, space = tuned(method=method)
        assert {key for key in space if key.startswith("tuning")} == keys
        assert ("optimisation.learning_rate" in space) == (method != "frozen")


def test_values_that_the_backbone_cannot_have_are_refused_before(recipe_of, tiny_backbone):
    def tuned(search, **tuning):
        return recipe_of(student=None, backbone=tiny_backbone, tuning=tuning, search=search)

    wide = {"tuning.layers": {"low": 1, "high": 9}, "tuning.rank": {"choices": [8, 64]}}
    with pytest.raises(RecipeError) as caught:
        space_of(tuned(wide, method="lora"))
    assert len(caught.value.problems) == 2
    assert "layers is 9" in str(caught.value) and "rank is 64" in str(caught.value)
    with pytest.raises(RecipeError, match="layers is 7"):
        space_of(
            tuned({"optimisation.max_grad_norm": {"low": 1, "high": 2}}, method="lora", layers=7)
        )
    # "first" goes without layers alone, so the two do not fit in all combinations.
    prompts = {
        "tuning.position": {"choices": ["all", "topmost"]},
        "tuning.layers": {"low": 1, "high": 2},
    }
    with pytest.raises(RecipeError, match='not with "all"'):
        space_of(tuned(prompts, method="prompt"))
    del prompts["tuning.position"]
    assert space_of(tuned(prompts, method="prompt", position="topmost", layers=1))


def test_ranges_of_integers_are_drawn_as_integers(recipe_of):
    search = {
        "optimisation.batch_size": {"low": 16, "high": 64, "log": True},
        "optimisation.learning_rate": {"low": 1e-3, "high": 1},
        "student.kernel": {"choices": [3, 5]},
    }
    assert distributions(space_of(recipe_of(search=search))) == {
        "optimisation.batch_size": IntDistribution(16, 64, log=True),
        "optimisation.learning_rate": FloatDistribution(1e-3, 1.0),
        "student.kernel": CategoricalDistribution((3, 5)),
    }


@pytest.mark.parametrize(
    ("candidates", "own"),
    [
        ({"low": 8, "high": 16}, 16),
        ({"low": 17, "high": 64}, None),
        ({"choices": [16.0, 32.0]}, 16.0),
        ({"choices": [8, 32]}, None),
    ],
)
def test_a_recipe_is_a_trial_where_its_values_are_candidates(recipe_of, candidates, own):
    recipe = recipe_of(search={"optimisation.batch_size": candidates})
    expected = None if own is None else {"optimisation.batch_size": own}
    assert own_values(recipe, space_of(recipe)) == expected
