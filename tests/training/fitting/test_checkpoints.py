"""Which runs may use a directory, without any training."""

from __future__ import annotations

import pytest
from tests.support.networks import STUDENT

from peft_sp.errors import OutputError
from peft_sp.training.fitting.checkpoints import (
    COMPLETION_MARKER,
    claimed,
    discard,
    last_checkpoint,
    refuse_foreign_checkpoints,
    refuse_other_run,
)
from peft_sp.training.fitting.checkpoints import RECIPE as RECIPE_FILE
from peft_sp.training.recipe import Recipe

RECIPE = Recipe(name="tiny", data="a.fasta", student=STUDENT)
OTHER = RECIPE.model_copy(update={"seed": 2})


def checkpoint(directory, step, whole=True):
    folder = directory / f"checkpoint-{step}"
    folder.mkdir()
    if whole:
        (folder / COMPLETION_MARKER).touch()
    return folder


def test_checkpoints_belong_to_one_recipe_and_its_data(tmp_path):
    with claimed(tmp_path, RECIPE, "1" * 64):
        checkpoint(tmp_path, 10)
    for recipe, data in ((OTHER, "1" * 64), (RECIPE, "2" * 64)):
        with pytest.raises(OutputError, match="a run of another recipe or of other data"):
            refuse_other_run(tmp_path, recipe, data)
    refuse_other_run(tmp_path, RECIPE.model_copy(update={"data": "moved.fasta"}), "1" * 64)


def test_only_what_a_run_left_is_removed_when_it_is_over(tmp_path):
    folder, away = tmp_path / "checkpoints", tmp_path / "away"
    with claimed(folder, RECIPE, "1" * 64):
        checkpoint(folder, 10)
    refuse_foreign_checkpoints(folder)
    discard(folder)
    assert not folder.exists()
    refuse_foreign_checkpoints(folder)
    discard(folder)
    with claimed(folder, RECIPE, "1" * 64):
        checkpoint(folder, 10)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"checkpoints: holds mine.txt, which no run"):
        refuse_foreign_checkpoints(folder)
    discard(folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").rename(tmp_path / "mine.txt")
    # Neither is a link followed, whatever stands behind it.
    away.mkdir()
    (away / RECIPE_FILE).write_text("theirs")
    (folder / "checkpoint-1").symlink_to(away)
    with pytest.raises(OutputError, match="holds checkpoint-1"):
        refuse_foreign_checkpoints(folder)
    (folder / "checkpoint-1").unlink()
    folder.rmdir()
    folder.symlink_to(away)
    with pytest.raises(OutputError, match="checkpoints: is a link"):
        refuse_foreign_checkpoints(folder)
    discard(folder)
    assert (away / RECIPE_FILE).read_text() == "theirs"


def test_half_a_checkpoint_claims_nothing(tmp_path):
    with claimed(tmp_path, RECIPE, "1" * 64):
        checkpoint(tmp_path, 10, whole=False)
    with claimed(tmp_path, OTHER, "1" * 64):
        assert '"seed": 2' in (tmp_path / "recipe.json").read_text()


def test_the_last_whole_checkpoint_is_the_one_of_most_steps(tmp_path):
    whole = [checkpoint(tmp_path, step) for step in (9, 100)]
    half = checkpoint(tmp_path, 101, whole=False)
    assert last_checkpoint(tmp_path) == str(whole[1])
    assert not half.exists()
    assert last_checkpoint(tmp_path / "none") is None


def test_a_directory_is_not_made_for_nothing(tmp_path):
    refuse_other_run(tmp_path / "model", RECIPE, "1" * 64)
    assert not (tmp_path / "model").exists()


def test_only_the_first_process_of_a_distributed_run_claims(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with claimed(tmp_path / "model", RECIPE, "1" * 64):
        assert not (tmp_path / "model").exists()
