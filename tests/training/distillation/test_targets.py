import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import PAD, RESIDUES, hydropathy_peaks
from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.errors import RecipeError
from peft_sp.inference.decoding import Decoder
from peft_sp.inference.loading import load
from peft_sp.io.labelled import partition
from peft_sp.io.registry.lookup import bundled
from peft_sp.io.registry.model_config import ModelConfig, UsedPartitions
from peft_sp.network.model import build_model
from peft_sp.training.crossval import crossvalidate, read_figures
from peft_sp.training.distillation import targets
from peft_sp.training.distillation.dataset import distilled_windows
from peft_sp.training.distillation.teachers import teachers, teachers_hash
from peft_sp.training.recipe import Recipe
from peft_sp.training.runs import run
from peft_sp.training.trainer import train
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration
SMALL = {"width": 16, "hidden": 8, "convolutions": 1}


@pytest.fixture(scope="module")
def folds(labelled_file, tmp_path_factory) -> list[str]:
    """Teachers: the models of a cross-validation."""
    place = tmp_path_factory.mktemp("teachers")
    settings = {"epochs": 1, "batch_size": 32}
    crossvalidate(
        Recipe(name="teacher", data=str(labelled_file), student=SMALL, optimisation=settings), place
    )
    return [str(place / f"test-{number}") for number in range(3)]


@pytest.fixture
def recipe(labelled_file, ecoli, folds) -> Recipe:
    return Recipe(
        name="pupil",
        data=str(labelled_file),
        student=SMALL,
        optimisation={
            "epochs": 1,
            "batch_size": 32,
            "chimera_probability": 0.5,
            "truncation_probability": 0.3,
        },
        distillation={"teachers": folds, "unlabelled": [str(ecoli)], "augmented_copies": 1},
    )


def changed(recipe, **values):
    return Recipe.model_validate({**recipe.model_dump(), **values})


def test_a_student_learns_only_from_teachers_that_never_saw_its_test(recipe, folds):
    assert teachers(recipe) == list(map(Path, folds))
    for number in range(3):
        others = [n for n in range(3) if n != number]
        fold = changed(recipe, partitions={"train": others, "test": number})
        assert teachers(fold) == [Path(folds[number])]
        judged = changed(recipe, partitions={"train": others, "validation": number})
        assert teachers(judged) == [Path(folds[number])]


def test_a_teacher_of_the_same_partitions_is_asked_alone(recipe, folds, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(folds[0], whole)
    config = ModelConfig.read(whole)
    replace(config, made=replace(config.made, partitions=UsedPartitions((0, 1, 2)))).write(whole)
    own = {**recipe.distillation.model_dump(), "teachers": [*folds, str(whole)]}
    assert teachers(changed(recipe, distillation=own)) == [whole]
    fold = changed(recipe, distillation=own, partitions={"train": [0, 2], "test": 1})
    assert teachers(fold) == [Path(folds[1])]


def test_without_an_honest_teacher_nothing_is_trained(recipe, folds, tmp_path):
    one = {**recipe.distillation.model_dump(), "teachers": [folds[0]]}
    fold = changed(recipe, distillation=one, partitions={"train": [0, 2], "test": 1})
    with pytest.raises(RecipeError, match="each of the teachers learned from partition 1"):
        run(fold, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_a_teacher_of_other_data_is_refused_where_something_is_tested(recipe, folds, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folds[0], other)
    config = ModelConfig.read(other)
    replace(config, made=replace(config.made, data_sha256="0" * 64)).write(other)
    own = {**recipe.distillation.model_dump(), "teachers": [str(other)]}
    with pytest.raises(RecipeError, match="learned from other data"):
        teachers(changed(recipe, distillation=own, partitions={"train": [1, 2], "test": 0}))
    assert teachers(changed(recipe, distillation=own)) == [other]


def test_targets_are_the_mean_of_what_the_teachers_decode(recipe, labelled, tmp_path):
    windows = distilled_windows(recipe, labelled, set(), tmp_path)
    rows = [0, 5, len(labelled) + 3, len(windows) - 1]  # labelled, a varied copy, unlabelled
    batch = windows.__getitems__(rows)
    residues = batch["residues"].numpy()
    lengths = (residues != PAD).sum(1)
    expected = np.zeros(batch["states"].shape)
    for name in recipe.distillation.teachers:
        backend = load(name).backend
        decoder = Decoder(grammar(), backend.scores)
        expected += decoder.marginals(backend.emissions(residues), lengths) / 3
    np.testing.assert_allclose(batch["states"].numpy(), expected, atol=1e-3)
    # As many moves as there are residues but one, and none that the grammar forbids.
    torch.testing.assert_close(
        batch["moves"].sum((1, 2)), torch.tensor(lengths - 1.0).float(), atol=0.05, rtol=0.01
    )
    assert not batch["moves"][:, ~torch.tensor(grammar().transitions)].any()


def test_the_pool_holds_labelled_varied_and_unlabelled_windows(recipe, labelled, tmp_path):
    tested = {p.sequence for p in partition(labelled, [0])}
    learned = partition(labelled, [1, 2], tested)
    unlabelled = "".join(RESIDUES[code] for code in range(20)) * 2
    file = tmp_path / "more.faa"
    hidden = next(iter(tested))
    file.write_text(
        f">a\n{unlabelled}\n>b\n{learned[0].sequence}\n>c\n{hidden}\n>d\n{unlabelled}\n"
    )
    own = {**recipe.distillation.model_dump(), "unlabelled": [str(file)]}
    windows = distilled_windows(changed(recipe, distillation=own), learned, tested, tmp_path)
    assert len(windows) == 2 * len(learned) + 1
    assert windows.classes[: len(learned)] == [p.organism_type for p in learned]
    assert windows.classes[-1][0] == "unlabelled" and windows.classes[-1][1] in TYPES
    assert windows.pool.allowed[-1].all()  # any path: no label
    varied = windows.pool.residues[len(learned) : -1]
    plain = {bytes(row) for row in windows.pool.residues[: len(learned)].numpy()}
    assert any(bytes(row) not in plain for row in varied.numpy())
    text = {"".join((RESIDUES + " ")[c] for c in row).rstrip() for row in windows.pool.residues}
    assert hidden not in text


def test_teachers_are_asked_once_and_a_stopped_run_goes_on(recipe, labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(targets, "BLOCK", 200)
    steps = []
    whole = distilled_windows(recipe, labelled, set(), tmp_path / "a", lambda *n: steps.append(n))
    assert steps[0] == (200, len(whole)) and steps[-1][0] == len(whole)
    steps.clear()
    distilled_windows(recipe, labelled, set(), tmp_path / "a", lambda *n: steps.append(n))
    assert not steps

    class StoppedError(Exception):
        pass

    def stop(done, of):
        if done >= len(labelled):
            raise StoppedError

    with pytest.raises(StoppedError):
        distilled_windows(recipe, labelled, set(), tmp_path / "b", stop)
    rest = distilled_windows(recipe, labelled, set(), tmp_path / "b", lambda *n: steps.append(n))
    assert steps[0][0] == len(labelled) + 200, "the labelled ones were whole"
    for number in range(3):
        assert np.array_equal(rest.targets.states[number], whole.targets.states[number])
        assert np.array_equal(rest.targets.moves[number], whole.targets.moves[number])
    # More copies ask for nothing that was answered.
    steps.clear()
    own = {**recipe.distillation.model_dump(), "augmented_copies": 2}
    distilled_windows(
        changed(recipe, distillation=own),
        labelled,
        set(),
        tmp_path / "b",
        lambda *n: steps.append(n),
    )
    assert steps[0][0] == 2 * len(labelled) + 200 and steps[-1][0] == 3 * len(labelled)


def test_each_window_has_the_answer_that_was_given_for_it(recipe, labelled, tmp_path):
    windows = distilled_windows(recipe, labelled, set(), tmp_path)
    parts = np.concatenate(windows.targets.states)
    rows = [len(windows) - 1, 3, len(labelled) + 5, 3]
    np.testing.assert_array_equal(windows.targets.of(rows)[0].numpy(), parts[rows])


def test_labelled_windows_can_be_varied_anew_without_a_teacher(recipe, labelled, tmp_path):
    own = {**recipe.distillation.model_dump(), "fresh_fraction": 1.0}
    windows = distilled_windows(changed(recipe, distillation=own), labelled, set(), tmp_path)
    rows = [*range(40), len(labelled), len(windows) - 1]
    first, second = windows.__getitems__(rows), windows.__getitems__(rows)
    assert first["taught"].tolist() == [0.0] * 40 + [1.0] * 2
    length = min(first["residues"].shape[1], second["residues"].shape[1])
    again = (first["residues"][:, :length] == second["residues"][:, :length]).all(1)
    assert not again[:40].all() and again[40:].all()
    assert (first["types"] == windows.pool.types[rows]).all()
    # What is not taught counts by its labels, so that any answer will do.
    assert (
        windows.pool.residues[0].tolist()
        == distilled_windows(recipe, labelled, set(), tmp_path).pool.residues[0].tolist()
    ), "the pool itself stays as it is"


def test_a_distilled_model_names_its_teachers_and_no_places(recipe, folds, tmp_path):
    found = crossvalidate(recipe, tmp_path / "cv")
    made = json.loads((tmp_path / "cv" / "test-1" / "config.json").read_text())["made"]
    assert [t["partitions"] for t in made["distillation"]["teachers"]] == [[0, 2]]
    assert str(Path(folds[0]).parent) not in (tmp_path / "cv" / "metrics.json").read_text()
    # The folds are found again, and the model of all partitions is of the same recipe.
    assert crossvalidate(recipe, tmp_path / "cv").content == found.content
    run(recipe, tmp_path / "model", measured=read_figures(tmp_path / "cv", recipe))
    text = (tmp_path / "model" / "config.json").read_text()
    assert len(json.loads(text)["made"]["distillation"]["teachers"]) == 3
    assert str(Path(folds[0]).parent) not in text
    assert "ecoli_300.faa" in (tmp_path / "model" / "README.md").read_text()


def test_mutants_have_no_labels_and_screened_windows_are_hydrophobic(recipe, labelled, tmp_path):
    own = {
        **recipe.distillation.model_dump(),
        "recombinants": 1,
        "mosaics": 1,
        "min_hydropathy": 1.6,
        "class_balance": 0.5,
    }
    windows = distilled_windows(changed(recipe, distillation=own), labelled, set(), tmp_path)
    parts = windows.pool.parts
    assert parts[:4] == [len(labelled)] * 4 and 0 < parts[4] < 300
    behind = sum(parts[:2])
    assert windows.pool.allowed[behind:].all() and not windows.pool.allowed[:behind].all()
    first, second = windows.pool.residues[behind : behind + 2 * parts[2]].chunk(2)
    assert not torch.equal(first, second)
    peaks, _ = hydropathy_peaks(windows.pool.residues[-parts[4] :].numpy())
    assert peaks.min() >= 1.6
    # More of them ask for nothing that was answered.
    steps = []
    more = changed(recipe, distillation={**own, "mosaics": 2})
    distilled_windows(more, labelled, set(), tmp_path, lambda *n: steps.append(n))
    assert steps == [(5 * len(labelled), 5 * len(labelled) + parts[4])]


def test_copies_and_what_varies_them_go_together(recipe):
    own = {**recipe.distillation.model_dump(), "augmented_copies": 0}
    with pytest.raises(ValueError, match="give some of both or none"):
        changed(recipe, distillation=own)
    with pytest.raises(ValueError, match="min_hydropathy selects unlabelled proteins"):
        changed(
            recipe,
            distillation={**own, "augmented_copies": 1, "unlabelled": (), "min_hydropathy": 1.0},
        )
    with pytest.raises(ValueError, match="teachers"):
        changed(recipe, distillation={**own, "teachers": []})


def test_students_come_close_to_their_teachers(recipe, labelled, tmp_path):
    """Without a word from the labels."""
    fit = {**recipe.optimisation.model_dump(), "epochs": 4}
    own = {**recipe.distillation.model_dump(), "label_weight": 0.0}
    settings = changed(recipe, optimisation=fit, distillation=own)
    batch = distilled_windows(settings, labelled, set(), tmp_path).__getitems__(
        list(range(len(labelled)))
    )

    def distance(model):
        with torch.no_grad():
            found = model.eval()(batch["residues"], batch["allowed"]).marginals
        return (found - batch["states"]).abs().sum(2).mean().item()

    trained = train(settings, tmp_path / "run", kept=tmp_path).model
    assert distance(trained) < 0.5 * distance(build_model(settings))


def test_the_hash_of_a_teacher_is_the_one_that_its_student_recorded():
    """A change of it would make every finished student that of other teachers."""
    (recorded,) = ModelConfig.read(bundled()["fast"]).made.distillation.teachers
    teacher = ROOT / "docs" / "results" / recorded.name / "models" / "all"
    assert teachers_hash([teacher]) == recorded.sha256
