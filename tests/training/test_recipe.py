from pathlib import Path

import pytest

from peft_sp.errors import RecipeError
from peft_sp.training.recipe import read_recipe


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


GOOD = 'name = "x"\ndata = "d"\nbackbone = "esm2-8M"\n[tuning]\nmethod = "lora"\n'


def test_changes_reach_into_tables(tmp_path):
    path = write(tmp_path, GOOD)
    changes = ["optimisation.epochs=7", "tuning.rank=2", "data=../some/file.fasta"]
    recipe = read_recipe(path, [*changes, "partitions.train=[1, 2]", 'name="y"'])
    assert (recipe.optimisation.epochs, recipe.tuning.rank) == (7.0, 2)
    assert (recipe.data, recipe.name) == ("../some/file.fasta", "y")
    assert recipe.partitions.train == (1, 2)


def test_all_mistakes_are_reported_at_once(tmp_path):
    text = 'name = "x"\nbackbone = "b"\nspeed = 3\n[tuning]\nmethod = "lora"\nrnak = 4\nrank = 0\n'
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, text))
    message = str(caught.value)
    for part in ("data is missing", "unknown option speed", "unknown option tuning.rnak"):
        assert part in message
    assert "tuning.rank: Input should be greater than or equal to 1" in message
    assert len(caught.value.problems) == 4
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (["student.width=8"], "and not both"),
        (["optimisation.warmup_fraction=1.5"], "optimisation.warmup_fraction"),
        (["partitions.train=[0, 1]", "partitions.test=1"], "must be different partitions"),
        (["partitions.test=3"], "there is no 3"),
        (["nonsense"], "--set takes key=value"),
        (["name.inner=1"], "'name' is no table"),
        (["tuning.method=dora"], "tuning"),
        (
            ["optimisation.clip=1"],
            "unknown option optimisation.clip; it is called optimisation.max_grad_norm now",
        ),
        (
            ["search.optimisation.warmup={low=0, high=0.5}"],
            "search.optimisation.warmup: is called optimisation.warmup_fraction now",
        ),
    ],
)
def test_settings_that_make_no_sense(tmp_path, changes, problem):
    with pytest.raises(RecipeError, match=problem):
        read_recipe(write(tmp_path, GOOD), changes)


def test_files_that_are_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="not readable as TOML"):
        read_recipe(write(tmp_path, "name = "))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("optimisation.learning_rate=1e-4", 'of which method = "frozen" trains nothing'),
        ("optimisation.gradient_checkpointing=true", "a backbone that is trained; there is none"),
        ("optimisation.rare_class_size=5", "give class_balance as well"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, change, problem):
    text = 'name = "x"\ndata = "d"\nbackbone = "esm2-8M"\n[tuning]\nmethod = "frozen"\n'
    with pytest.raises(RecipeError, match=problem):
        read_recipe(write(tmp_path, text), [change])
