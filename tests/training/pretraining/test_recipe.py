import pytest

from peft_sp.errors import RecipeError
from peft_sp.io.registry.recipe_files import PRETRAINING, shipped
from peft_sp.training.pretraining.recipe import as_toml, read_pretraining_recipe
from peft_sp.training.recipe import read_recipe

SHIPPED = list(shipped(PRETRAINING))


def test_there_is_a_recipe_for_the_smallest_esm2():
    assert "pretrain-8M" in SHIPPED and not shipped().keys() & set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_printed_recipe_can_be_saved_and_read(name, tmp_path):
    recipe = read_pretraining_recipe(name)
    assert recipe.name == name and recipe.origin and recipe.licence
    (tmp_path / "printed.toml").write_text(as_toml(recipe))
    assert read_pretraining_recipe(tmp_path / "printed.toml") == recipe


def test_options_are_set_and_unset():
    recipe = read_pretraining_recipe(
        "pretrain-8M", ["fitting.epochs=0.5", 'windows.exclude=["a.faa"]'], ["fitting.batch_size"]
    )
    assert recipe.fitting.epochs == 0.5 and recipe.windows.exclude == ("a.faa",)
    assert recipe.fitting.batch_size == 64


def test_all_mistakes_are_told_at_once():
    settings = ["masking.masked=0.9", "masking.substituted=0.2", "fitting.speed=1", "seed=-1"]
    with pytest.raises(RecipeError) as error:
        read_pretraining_recipe("pretrain-8M", settings)
    assert len(error.value.problems) == 3
    assert "unknown option fitting.speed" in error.value.problems
    assert "masked and substituted are fractions of one whole; they exceed 1" in str(error.value)


def test_each_kind_of_recipe_is_refused_by_the_other_command():
    with pytest.raises(RecipeError, match="a recipe for 'peft-sp train'"):
        read_pretraining_recipe("lora-8M")
    with pytest.raises(RecipeError, match="a recipe for 'peft-sp pretrain'"):
        read_recipe("pretrain-8M")
