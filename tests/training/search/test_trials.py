import json
from dataclasses import replace

import pytest

from peft_sp.biology.grammar import NO_SP
from peft_sp.errors import InputError, OutputError, RecipeError
from peft_sp.io.labelled import partition, write_labelled
from peft_sp.training.evaluation.metrics import score
from peft_sp.training.fitting.trainer import train
from peft_sp.training.inputs import read_inputs
from peft_sp.training.options import Partitions
from peft_sp.training.recipe import Recipe, changed, read_recipe
from peft_sp.training.search.study import alone
from peft_sp.training.search.trials import search, usable

SPACE = {
    "optimisation.learning_rate": {"low": 1e-3, "high": 3e-2, "log": True},
    "student.kernel": {"choices": [3, 5]},
    "optimisation.batch_size": {"low": 16, "high": 32},
}


def recipe_of(file, **values):
    settings = {
        "name": "tiny",
        "data": str(file),
        "student": {"width": 16, "hidden": 8, "convolutions": 1, "kernel": 5},
        "optimisation": {"epochs": 2, "batch_size": 16},
        "partitions": {"train": [1], "validation": 2, "test": 0},
        "search": SPACE,
        **values,
    }
    return Recipe.model_validate(settings)


@pytest.fixture(scope="module")
def done(few_file, tmp_path_factory):
    """A search of three trials that nothing disturbed."""
    place = tmp_path_factory.mktemp("search")
    return place, search(recipe_of(few_file), place, 3)


def table(place):
    lines = (place / "trials.tsv").read_text().splitlines()
    return [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]


@pytest.mark.integration
def test_a_search_leaves_its_trials_and_the_best_of_them(done, few, few_file, tmp_path):
    place, tried = done
    assert {p.name for p in place.iterdir()} == {"study.db", "trials.tsv", "best.json"}
    rows = table(place)
    assert [(row["number"], row["state"]) for row in rows] == [
        (str(n), "complete") for n in (0, 1, 2)
    ]
    # The first is the recipe itself.
    assert rows[0]["student.kernel"] == "5" and rows[0]["optimisation.batch_size"] == "16"
    assert float(rows[0]["optimisation.learning_rate"]) == 2e-3
    assert all(16 <= int(row["optimisation.batch_size"]) <= 32 for row in rows)
    best = json.loads((place / "best.json").read_text())
    assert best["value"] == max(x.value for x in tried) == tried[0].value
    assert best["parameters"] == tried[0].parameters
    assert best["set"] == [f"--set {k}={v!r}" for k, v in best["parameters"].items()]

    # The value is what training with these settings gives.
    values = []
    for train_on, validate_on in ((2, 1), (1, 2)):
        parts = Partitions(train=(train_on,), validation=validate_on)
        settings = changed(recipe_of(few_file), best["parameters"])
        settings = settings.model_copy(update={"partitions": parts})
        split = read_inputs(settings).split(parts)
        trained = train(settings, split, tmp_path / str(validate_on))
        values.append(score(trained.validation.outcomes).selection)
    assert tried[0].folds == pytest.approx(values, abs=1e-12)
    assert best["value"] == pytest.approx(sum(values) / 2, abs=1e-12)


def _is_validated(report):
    return report is not None and "eval_selection" in report.figures


@pytest.mark.integration
def test_a_search_that_is_stopped_goes_on_as_if_it_had_not_been(done, few_file, tmp_path):
    folds = []

    def stop(tried, report):
        # In the second fold of the second trial, behind its first epoch.
        if tried.number == 1 and len(tried.folds) == 1 and _is_validated(report):
            raise SystemExit
        if report is None and tried.state == "running":
            folds.append((tried.number, len(tried.folds)))

    with pytest.raises(SystemExit):
        search(recipe_of(few_file), tmp_path, 3, stop)
    assert (tmp_path / "trial-1" / "fold-2").is_dir()
    search(recipe_of(few_file), tmp_path, 2, lambda *x: x[0].number > 1 and stop(*x))
    # The fold that was done is not trained again, and the one that was not goes on.
    assert folds == [(0, 1), (0, 2), (1, 1), (2, 2)]
    assert [row["state"] for row in table(tmp_path)] == ["complete", "fail", "complete"]
    assert not list(tmp_path.glob("trial-*"))

    # All that were wished for are there; more may be wished for.
    search(recipe_of(few_file), tmp_path, 2, lambda *_: pytest.fail("a trial was run"))
    again = search(recipe_of(few_file), tmp_path, 3)
    _, whole = done
    assert [(x.parameters, x.folds, x.value) for x in again if x.state == "complete"] == [
        (x.parameters, x.folds, x.value) for x in whole
    ]
    assert len({x.parameters["optimisation.learning_rate"] for x in whole}) == 3


@pytest.mark.integration
def test_what_is_left_alone_has_no_influence(done, few, few_file, tmp_path):
    other = [
        replace(p, type=NO_SP, labels="O" * len(p.sequence)) if p.partition == 0 else p for p in few
    ]
    assert other != few
    file = tmp_path / "other.fasta"
    write_labelled(file, other)
    (first,) = search(recipe_of(file), tmp_path / "search", 1)
    expected = next(x for x in done[1] if x.number == 0)
    assert (first.parameters, first.folds) == (expected.parameters, expected.folds)


def test_a_window_of_the_test_partition_is_not_learned_from(few, tmp_path, monkeypatch):
    twin = replace(partition(few, [1])[0], partition=0)
    file = tmp_path / "twins.fasta"
    write_labelled(file, [*few, twin])
    given = []

    class StoppedError(Exception):
        pass

    def catch(recipe, split, *_, **__):
        given.append((recipe.partitions, split))
        raise StoppedError

    monkeypatch.setattr("peft_sp.training.search.trials.train", catch)
    with pytest.raises(StoppedError):
        search(recipe_of(file), tmp_path / "search", 1)
    ((parts, split),) = given
    assert (parts.train, parts.validation, parts.test) == ((2,), 1, None)
    assert {p.partition for p in split.inputs.proteins} == {1, 2}
    assert {p.partition for p in split.train} == {2} and not split.test
    assert {p.partition for p in split.validation} == {1}
    assert twin.sequence not in {p.sequence for p in split.inputs.proteins}


def test_what_a_search_may_be_judged_by(few, few_file, tmp_path):
    assert usable(recipe_of(few_file)) == (1, 2)
    assert usable(recipe_of(few_file, partitions={})) == (0, 1, 2)
    with pytest.raises(RecipeError, match="trains on one partition and validates on another"):
        search(recipe_of(few_file, partitions={"train": [2], "test": 0}), tmp_path, 1)
    lacking = tmp_path / "lacking.fasta"
    write_labelled(lacking, partition(few, [0, 1]))
    with pytest.raises(InputError, match="no proteins to be used in partition 2"):
        search(recipe_of(lacking), tmp_path / "search", 1)
    assert not (tmp_path / "search").exists()


@pytest.mark.integration
def test_another_search_is_refused(done, few, few_file, tmp_path):
    place, _ = done
    before = {p: p.read_bytes() for p in place.iterdir() if p.name != "study.db"}
    relabelled = tmp_path / "relabelled.fasta"
    write_labelled(relabelled, few[1:])
    for other in (
        recipe_of(few_file, seed=2),
        recipe_of(few_file, search={}),
        recipe_of(few_file, partitions={}),
        recipe_of(relabelled),
    ):
        with pytest.raises(OutputError, match="holds a search of another recipe"):
            search(other, place, 3)
    with alone(place), pytest.raises(OutputError, match="in use by another search"):
        search(recipe_of(few_file), place, 3)
    search(recipe_of(few_file, description="in other words"), place, 3)
    assert {p: p.read_bytes() for p in before} == before
    (tmp_path / "study.db").write_text("no database")
    with pytest.raises(OutputError, match="cannot be used as a study"):
        search(recipe_of(few_file), tmp_path, 3)


def test_parameters_that_do_not_go_together_are_not_run(few_file, tmp_path, monkeypatch):
    def refuse(recipe, *_, **__):
        raise RecipeError("backbone", [f"not with {recipe.student.kernel}"])

    monkeypatch.setattr("peft_sp.training.search.trials.train", refuse)
    with pytest.raises(RecipeError, match="no trial could be run to its end; not with 5"):
        search(recipe_of(few_file), tmp_path, 2)
    assert [row["state"] for row in table(tmp_path)] == ["refused", "refused"]
    assert not (tmp_path / "best.json").exists()


def write(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


GOOD = 'name = "x"\ndata = "d"\n[student]\nwidth = 16\n'


def test_all_mistakes_of_a_space_are_reported_at_once(tmp_path):
    text = f"""{GOOD}
[search]
"optimisation.learning_rat" = {{low = 1e-3, high = 1e-2}}
"optimisation.learning_rate" = {{low = 1e-2, high = 1e-3}}
"optimisation.region_weight" = {{low = 0, high = 1.0, log = true}}
"optimisation.max_grad_norm" = {{low = 1, high = 2, choices = [1.0, 2.0]}}
"optimisation.warmup_fraction" = {{low = 0.1}}
"optimisation.class_balance" = {{low = "a", high = 1}}
"optimisation.epochs" = {{choices = [3]}}
"student.width" = {{choices = [4, 16]}}
"tuning.rank" = {{choices = [4, 8]}}
"name.x" = {{choices = [4, 8]}}
"partitions.test" = {{choices = [0, 1]}}
"""
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, text), ["speed=3"])
    expected = [
        "optimisation.learning_rat: names no option of the recipe",
        "optimisation.learning_rate: low must be less than high, not 0.01 and 0.001",
        "optimisation.region_weight: with log, low must be more than 0, not 0",
        "optimisation.max_grad_norm: give either choices or low and high, and not both",
        "optimisation.warmup_fraction: give either choices or both low and high",
        "optimisation.epochs: choices must be two or more different values",
        "student.width: Input should be greater than or equal to 8 (it is 4)",
        "tuning.rank: names no option of the recipe",
        "name.x: cannot be searched",
        "partitions.test: cannot be searched",
    ]
    assert {f"search.{line}" for line in expected} <= set(caught.value.problems)
    rest = [p for p in caught.value.problems if p.removeprefix("search.") not in expected]
    assert rest.pop(0).startswith("search.optimisation.class_balance.low")
    assert "unknown option speed; did you mean seed?" in rest
    assert all(p.startswith(("unknown", "search.optimisation.class_balance.low")) for p in rest)


def test_a_space_may_be_written_as_tables_and_changed(tmp_path):
    tables = (
        "[search.optimisation]\nepochs = {low = 1, high = 3}\n"
        "max_grad_norm = {choices = [1.0, 2]}\n"
    )
    recipe = read_recipe(
        write(tmp_path, GOOD + tables), ["search.optimisation.epochs={low=2,high=4}"]
    )
    assert list(recipe.search) == ["optimisation.epochs", "optimisation.max_grad_norm"]
    assert recipe.search["optimisation.epochs"].extremes() == (2, 4)
    # A run is the same with a [search] and without.
    assert recipe.model_dump() == read_recipe(write(tmp_path, GOOD)).model_dump()


@pytest.mark.integration
def test_a_tuned_backbone_is_searched_too(few_file, tiny_backbone, tmp_path):
    tried = search(
        recipe_of(
            few_file,
            student=None,
            backbone=tiny_backbone,
            tuning={"method": "lora", "layers": 1},
            optimisation={"epochs": 1},
            search={},
        ),
        tmp_path,
        1,
    )
    assert tried[0].parameters["tuning.layers"] == 1 and len(tried[0].folds) == 2
    assert not (tmp_path / ".activations").exists() and not (tmp_path / "trial-0").exists()
