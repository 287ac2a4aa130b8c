"""Which runs may use a directory, without any training."""

from __future__ import annotations

import pytest
from tests.support.networks import STUDENT

from peft_sp.errors import OutputError
from peft_sp.training.fitting.checkpoints import (
    COMPLETION_MARKER,
    claimed,
    last_checkpoint,
    refuse_other_run,
)
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
