"""The command that a card prints gives the recipe that the model was trained by."""

from __future__ import annotations

import shlex

import pytest

from peft_sp.io.registry.recipe_files import shipped
from peft_sp.training.fitting.repeat import command, portable
from peft_sp.training.recipe import read_recipe


def read_again(text):
    """The recipe that a printed command trains."""
    words = shlex.split(text)
    at = words.index("train")
    name, rest = words[at + 1], words[at + 2 :]
    options = {"--set": [], "--unset": [], "-o": []}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        options[option].append(value)
    assert len(options["-o"]) == 1
    return read_recipe(name, options["--set"], options["--unset"])


def assert_repeats(recipe):
    again = read_again(command(recipe))
    assert again.model_dump() == portable(recipe).model_dump()


@pytest.mark.parametrize("name", ["lora-8M", "fast", "esm2-8m"])
def test_a_recipe_of_the_package_needs_its_name_alone(name):
    recipe = read_recipe(name)
    assert command(recipe) == f"peft-sp train {name} -o {name}-again"


def test_every_recipe_of_the_package_is_repeated():
    for name in shipped():
        assert_repeats(read_recipe(name))


@pytest.mark.parametrize(
    ("name", "settings", "unset"),
    [
        ("lora-8M", ["optimisation.epochs=5", "seed=7", "tuning.dora=true"], []),
        ("lora-8M", ["optimisation.class_balance=0"], ["optimisation.rare_class_size"]),
        ("lora-8M", ['tuning={method="adapter", layers=2}', "name=mine"], []),
        ("lora-8M", ["partitions.train=[1, 2]", "partitions.test=0"], []),
        ("small", ["members=2", 'variants=[{}, {"seed"=4, "optimisation.epochs"=2}]'], []),
        ("small", ["data=a $(b) 'c'.fasta", 'description="`a`\\n= \\"b\\" # c"'], []),
        ("fast", ["data=true", 'distillation.teachers=["m0", "x/y"]', "licence=CC-BY-4.0"], []),
        ("fast", [], ["distillation.unlabelled", "distillation"]),
    ],
)
def test_every_set_and_unset_is_repeated(name, settings, unset):
    settings = [one for one in settings if one != "data=true"]
    recipe = read_recipe(name)
    unset = [key for key in unset if has(recipe, key)]
    if "distillation" in unset:
        settings = [f"optimisation.{kind}_probability=0.1" for kind in ("truncation", "chimera")]
    assert_repeats(read_recipe(name, settings, unset))


def has(recipe, key):
    value = recipe.model_dump()
    for part in key.split("."):
        value = value.get(part)
    return bool(value)


def test_a_file_of_ones_own_is_repeated_without_it(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "prompt-8M"\ndescription = "Mine."\n[tuning]\nlength = 7\n')
    text = command(read_recipe(file))
    assert text.startswith("peft-sp train prompt-8M ")
    assert "--set tuning.length=7" in text and "--set name=mine" in text
    assert_repeats(read_recipe(file))


def test_where_files_lie_on_this_machine_is_nobodys_business():
    settings = ["data=/home/me/d.fasta", "backbone=/home/me/esm2_t6_8M"]
    text = command(read_recipe("lora-8M", settings))
    assert text == (
        "peft-sp train lora-8M --set backbone=esm2_t6_8M --set data=d.fasta -o lora-8M-again"
    )
    kept = command(read_recipe("lora-8M", ["data=here/d.fasta", "backbone=someone/their-esm2"]))
    assert "data=here/d.fasta" in kept and "backbone=someone/their-esm2" in kept


def test_a_distributed_run_is_one_again():
    text = command(read_recipe("small"), processes=4)
    start = "torchrun --nproc-per-node 4 --no-python peft-sp train small "
    assert text.startswith(start)
