"""What a card says of a model that was trained here is true of it, and what it shows works."""

from __future__ import annotations

import re
import shlex

import pytest

from peft_sp.training.recipe import Recipe
from peft_sp.training.runs.run import run
from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


def test_a_card_says_how_to_use_the_model_and_whose_it_is(labelled_file, tmp_path, monkeypatch):
    """Its two ways to predict work where the model's directory lies."""
    recipe = Recipe(
        name="pair",
        settings_origin="Guessed.",
        data=str(labelled_file),
        student={"width": 16, "hidden": 8, "convolutions": 1},
        partitions={"train": [1], "test": 0},
        optimisation={"epochs": 1, "batch_size": 32},
    )
    run(recipe, tmp_path / "my model")
    card = (tmp_path / "my model" / "README.md").read_text()
    assert card.startswith("# pair\n") and "in `config.json`. Guessed. It took " in card
    assert "Licence: not stated, so that nobody else may use the model." in card
    (tmp_path / "proteins.faa").write_text(">OmpA\nMKKTAIAIAVALAGFATVAQAAPKDN\n")
    monkeypatch.chdir(tmp_path)
    shell, python = (re.search(rf"```{kind}\n(.*?)```", card, re.S)[1] for kind in ("sh", "python"))
    assert peft_sp(*shlex.split(shell)[1:])[0] == 0
    assert (tmp_path / "results" / "predictions.tsv").exists()
    found = {}
    exec(python, found)
    assert [p.id for p in found["predictions"]] == ["OmpA"]
