import json
import re
from pathlib import Path

import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import grammar
from peft_sp.errors import RecipeError
from peft_sp.io.registry.recipe_files import shipped
from peft_sp.network.backbone_files import NAMES
from peft_sp.network.model import build_model
from peft_sp.training.recipe import Recipe, as_toml, changed, read_recipe
from tests.support.paths import DATA

SIZES = ("8M", "35M", "150M", "650M", "3B")
METHODS = ("lora", "vera", "loha", "bitfit", "ia3", "adapter", "prompt", "frozen", "full")
RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN"]))


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
        (["optimisation.epochs=inf"], "optimisation.epochs: Input should be a finite number"),
        (["tuning.alpha=1e400"], "tuning.alpha: Input should be a finite number"),
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
    with pytest.raises(RecipeError, match="cannot be read as TOML"):
        read_recipe(write(tmp_path, "name = "))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("optimisation.learning_rate=1e-4", 'no effect with method = "frozen"'),
        ("optimisation.gradient_checkpointing=true", "this recipe trains no layers of a backbone"),
        ("optimisation.rare_class_size=5", "give class_balance as well"),
        ("head.frozen=true", "nothing is trained"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, change, problem):
    text = 'name = "x"\ndata = "d"\nbackbone = "esm2-8M"\n[tuning]\nmethod = "frozen"\n'
    with pytest.raises(RecipeError, match=problem):
        read_recipe(write(tmp_path, text), [change])


def test_the_learning_rate_of_a_frozen_head_is_refused(tmp_path):
    path = write(tmp_path, GOOD + "[head]\nfrozen = true\n")
    assert read_recipe(path).head.frozen
    with pytest.raises(RecipeError, match=r"head_learning_rate has no effect with head\.frozen"):
        read_recipe(path, ["optimisation.head_learning_rate=1e-4"])


def test_optional_settings_can_be_unset(tmp_path):
    path = write(tmp_path, GOOD + "[partitions]\ntrain = [1]\nvalidation = 2\ntest = 0\n")
    recipe = read_recipe(path, unset=["partitions.test", "partitions.validation"])
    assert (recipe.partitions.test, recipe.partitions.validation) == (None, None)
    student = read_recipe(path, ["student.width=16"], ["backbone", "tuning"])
    assert student.backbone is None and student.student.width == 16
    with pytest.raises(RecipeError, match=r"--unset partitions.tset: the recipe does not set it"):
        read_recipe(path, unset=["partitions.tset"])
    with pytest.raises(RecipeError, match="data is missing"):
        read_recipe(path, unset=["data"])


def test_recipes_have_the_settings_of_their_measured_results():
    """As they were before recipes inherited from each other, under today's names of options."""
    before = json.loads((DATA / "recipes.json").read_text())
    assert len(before) == 33
    for name, values in before.items():
        recipe = read_recipe(name)
        said = {"description": recipe.description, "settings_origin": recipe.settings_origin}
        assert recipe == Recipe.model_validate({**values, **said, "licence": ""})


def test_where_settings_come_from_is_said_of_these_alone():
    """Not of what `--set` changes; data, partitions, names and the seed are no settings."""
    known = read_recipe("lora-8M").settings_origin
    assert "chosen for the size 8M on SignalP 6.0's" in known
    for kept in ("data=a.fasta", "backbone=b", "seed=2", "licence=MIT", "partitions.train=[0, 1]"):
        assert read_recipe("lora-8M", [kept]).settings_origin == known, kept
    assert not read_recipe("lora-8M", ["optimisation.epochs=1"]).settings_origin
    assert not read_recipe("lora-8M", [], ["optimisation.ema_decay"]).settings_origin
    given = read_recipe("lora-8M", ["optimisation.epochs=1", "settings_origin=Guessed."])
    assert given.settings_origin == "Guessed."
    teachers = 'distillation.teachers=["t"]'
    assert read_recipe("fast", [teachers]).settings_origin
    assert not read_recipe("fast", [teachers, "distillation.mosaics=1"]).settings_origin
    ensemble = read_recipe("esm2-8m-teacher")
    assert ensemble.member(1).settings_origin == ensemble.settings_origin
    assert not changed(ensemble, {"optimisation.batch_size": 8}).settings_origin


def test_nothing_is_inherited_of_where_settings_come_from(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "lora-8M"\n')
    assert not read_recipe(tmp_path / "mine.toml").settings_origin


def test_published_recipes_have_the_published_settings():
    expected = {"150M": (25, 4, 7.5e-3), "650M": (33, 8, 7.5e-3), "3B": (35, 8, 6.7e-3)}
    for size, (layers, rank, rate) in expected.items():
        for method in ("lora", "adapter", "prompt"):
            recipe = read_recipe(f"published-{method}-{size}")
            fit, tuning = recipe.optimisation, recipe.tuning
            assert (fit.optimiser, fit.schedule, fit.warmup_fraction) == ("adamax", "constant", 0)
            assert (fit.weight_decay, fit.max_grad_norm) == (1.2e-6, 0.25)
            assert (fit.epochs, fit.batch_size, fit.region_weight) == (3, 20, 0.5)
            assert fit.learning_rate == fit.head_learning_rate == rate
            assert (fit.class_balance, fit.rare_class_size, fit.ema_decay) == (0, None, 0)
            assert fit.augmentation == (0, 0, 0)
            assert tuning.method == method
            if method == "lora":
                assert (tuning.layers, tuning.rank, tuning.alpha) == (layers, rank, 8)
                assert tuning.dropout == 0.1 and not tuning.dora and not tuning.rslora


@pytest.mark.parametrize("name", shipped())
def test_a_printed_recipe_can_be_saved_and_read(name, tmp_path):
    recipe = read_recipe(name)
    assert read_recipe(write(tmp_path, as_toml(recipe))) == recipe


def test_a_printed_recipe_holds_its_search(tmp_path):
    search = '[search]\n"optimisation.epochs" = {low = 1, high = 3}\n"tuning.rank" = '
    recipe = read_recipe(write(tmp_path, GOOD + search + "{choices = [2, 4]}\n"))
    again = read_recipe(write(tmp_path, as_toml(recipe)))
    assert again == recipe and again.search == recipe.search


def depth_of(hub):
    return int(re.search(r"esm2_t(\d+)_", hub).group(1))


def test_each_method_has_a_recipe_for_each_size():
    assert {f"{method}-{size}" for method in METHODS for size in SIZES} <= shipped().keys()


# Of all methods but the first, the smallest and the largest size: they differ by nothing else.
MIDDLE = tuple(f"{method}-{size}" for method in METHODS[1:] for size in SIZES[1:-1])


def built():
    """Names of recipes; those in 4 bits with the mark of what they need."""
    for name in shipped():
        if name not in MIDDLE:
            marks = [pytest.mark.quantized] if name.startswith("qlora") else []
            yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", list(built()))
def test_it_builds_on_a_backbone_of_its_depth(name, tiny_backbone_of):
    recipe = read_recipe(name)
    assert recipe.name == name
    if recipe.backbone_precision == "nf4":
        pytest.importorskip("bitsandbytes", reason="needs the extra quantized")
    if recipe.backbone is not None:
        assert recipe.backbone in NAMES.values()
        assert recipe.backbone.split("_")[2] in name.upper().split("-")
        tiny = tiny_backbone_of(depth_of(recipe.backbone))
        recipe = recipe.model_copy(update={"backbone": tiny})
    model = build_model(recipe)
    # As a step under the recipe's precision; gradients reach all that is to be trained.
    half = recipe.optimisation.precision == "bfloat16"
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        output = model(RESIDUES, torch.ones(2, 21, grammar().size, dtype=torch.bool))
    assert output.log_likelihood is not None
    (output.emissions.float().sum() + output.marginals[..., 3].sum()).backward()
    assert all(p.grad is not None for p in model.parameter_groups()[0])


def test_augmentation_of_a_student_needs_windows_to_augment():
    student = {"name": "pupil", "data": "d", "student": {"width": 16}}
    varied = {**student, "optimisation": {"chimera_probability": 0.5}}
    teachers = {"teachers": ["t"]}
    for values in (
        {**varied, "distillation": teachers},
        {**student, "distillation": {**teachers, "augmented_copies": 1}},
    ):
        with pytest.raises(ValueError, match="give some of both or none"):
            Recipe.model_validate(values)
    both = Recipe.model_validate({**varied, "distillation": {**teachers, "augmented_copies": 1}})
    assert both.distillation.augmented_copies == 1


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("partitions.train=1", "partitions.train: a list, such as [1, 2], is expected, not 1"),
        ("optimisation.epochs=many", "optimisation.epochs: a number is expected, not 'many'"),
        ("members=2.5", "members: a whole number is expected, not 2.5"),
        ("optimisation.epoch=3", "unknown option optimisation.epoch; did you mean epochs?"),
        ("tuning.dropuot=0.1", "unknown option tuning.dropuot; did you mean dropout?"),
        ("sede=3", "unknown option sede; did you mean seed?"),
        ("epochs=3", "unknown option epochs; did you mean optimisation.epochs?"),
        ("student.dropuot=0.1", "unknown option student.dropuot; did you mean dropout?"),
        ("optimisation.rank=3", "unknown option optimisation.rank; did you mean tuning.rank?"),
        (
            "tuning.method=x",
            "tuning.method: x is none of lora, vera, loha, ia3, bitfit, adapter, prompt, combined, "
            "frozen, full",
        ),
        ("optimisation.zzz=3", "unknown option optimisation.zzz"),
    ],
)
def test_mistakes_are_told_in_terms_of_the_recipe(setting, problem):
    with pytest.raises(RecipeError) as error:
        read_recipe("lora-8M", [setting])
    assert problem in error.value.problems
