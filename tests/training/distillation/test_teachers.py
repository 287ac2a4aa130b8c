import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from peft_sp.errors import RecipeError
from peft_sp.io.registry.lookup import bundled
from peft_sp.io.registry.model_config import Calibration, ModelConfig
from peft_sp.training.distillation.teachers import read_teachers, teachers_hash
from peft_sp.training.inputs import read_inputs
from peft_sp.training.runs.crossval import crossvalidate, read_figures
from peft_sp.training.runs.run import run
from tests.support.distillation import changed, distilling, split_of
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration


def teachers(recipe):
    """Directories of the teachers that are honest for a recipe's partitions."""
    return [teacher.directory for teacher in split_of(recipe).teachers]


def test_a_student_learns_only_from_teachers_that_never_saw_its_test(recipe, folds):
    assert teachers(recipe) == list(map(Path, folds))
    for number in range(3):
        others = [n for n in range(3) if n != number]
        fold = changed(recipe, partitions={"train": others, "test": number})
        assert teachers(fold) == [Path(folds[number])]
        validated = changed(recipe, partitions={"train": others, "validation": number})
        assert teachers(validated) == [Path(folds[number])]


def test_a_teacher_of_the_same_partitions_teaches_alone(recipe, folds, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(folds[0], whole)
    config = ModelConfig.read(whole)
    partitions = replace(config.made.partitions, train=(0, 1, 2), test=None)
    replace(config, made=replace(config.made, partitions=partitions)).write(whole)
    both = distilling(recipe, teachers=[*folds, str(whole)])
    assert teachers(both) == [whole]
    assert teachers(changed(both, partitions={"train": [0, 2], "test": 1})) == [Path(folds[1])]


def test_without_an_honest_teacher_nothing_is_trained(recipe, folds, tmp_path):
    one = distilling(recipe, teachers=[folds[0]])
    fold = changed(one, partitions={"train": [0, 2], "test": 1})
    with pytest.raises(RecipeError, match="each of the teachers was trained on partition 1"):
        run(fold, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_a_teacher_of_other_data_is_refused_where_something_is_tested(recipe, folds, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folds[0], other)
    config = ModelConfig.read(other)
    replace(config, made=replace(config.made, data_sha256="0" * 64)).write(other)
    strange = distilling(recipe, teachers=[str(other)])
    with pytest.raises(RecipeError, match="was trained on other data"):
        teachers(changed(strange, partitions={"train": [1, 2], "test": 0}))
    assert teachers(strange) == [other]


def teacher_of(source):
    ((teacher,), _) = read_teachers([source])
    return teacher


def test_a_teachers_hash_is_of_what_its_answers_depend_on(folds, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folds[0], copy)
    first, again = teacher_of(folds[0]), teacher_of(str(copy))
    assert first.record.sha256 == again.record.sha256 and first.partitions == {1, 2}
    config = ModelConfig.read(copy)
    replace(config, name="other", licence="none").write(copy)
    renamed = teacher_of(str(copy)).record
    assert (renamed.name, renamed.sha256) == ("other", first.record.sha256)
    replace(config, calibration=Calibration(2.5, fitted_on="nothing")).write(copy)
    assert teacher_of(str(copy)).record.sha256 != first.record.sha256
    second = teacher_of(folds[1])
    hashes = {teachers_hash(chosen) for chosen in ([first], [second], [first, second])}
    assert len(hashes) == 3


def test_a_distilled_model_names_its_teachers_and_no_paths(
    recipe, folds, tmp_path, without_matplotlib
):
    content = crossvalidate(recipe, tmp_path / "cv").content
    made = json.loads((tmp_path / "cv" / "test-1" / "config.json").read_text())["made"]
    assert [t["partitions"] for t in made["distillation"]["teachers"]] == [[0, 2]]
    assert str(Path(folds[0]).parent) not in (tmp_path / "cv" / "metrics.json").read_text()
    # The folds are found again, and the model of all partitions is of the same recipe.
    inputs = read_inputs(recipe)
    assert crossvalidate(recipe, tmp_path / "cv", inputs).content == content
    run(recipe, tmp_path / "model", inputs, measured=read_figures(tmp_path / "cv", recipe, inputs))
    text = (tmp_path / "model" / "config.json").read_text()
    assert len(json.loads(text)["made"]["distillation"]["teachers"]) == 3
    assert str(Path(folds[0]).parent) not in text
    assert "ecoli_300.faa" in (tmp_path / "model" / "README.md").read_text()


def test_the_hash_of_a_teacher_is_the_one_that_its_student_recorded():
    """A change of it would make every finished student that of other teachers."""
    (recorded,) = ModelConfig.read(bundled()["fast"]).made.distillation.teachers
    teacher = ROOT / "docs" / "results" / recorded.name / "models" / "all"
    assert teacher_of(str(teacher)).record.sha256 == recorded.sha256


def test_the_hash_of_all_teachers_is_the_one_that_their_cross_validation_recorded():
    """A change of it would refuse every finished cross-validation of a student."""
    measured = json.loads((ROOT / "docs/results/fast/metrics.json").read_text())
    models = ROOT / "docs" / "results" / "esm2-8m-teacher" / "models"
    names = [str(models / name) for name in ("test-0", "test-1", "test-2", "all")]
    assert read_teachers(names)[1] == measured["sources"]["teachers_sha256"]
    assert read_teachers([]) == ((), None)
