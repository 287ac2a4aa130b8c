"""Recipes are listed, printed, and found from anywhere."""

from __future__ import annotations

import tomllib

import pytest

from peft_sp.io.registry.recipe_files import PRETRAINING, shipped
from tests.support.commands import peft_sp
from tests.support.wall import heavy_after_command

pytestmark = pytest.mark.integration


def test_the_list_names_every_recipe_with_method_and_backbone(tmp_path):
    code, output, errors = peft_sp("recipes", cwd=tmp_path)
    assert (code, errors) == (0, "")
    words = [line.split() for line in output.splitlines() if line.startswith("  ")]
    assert [line[0] for line in words] == [*shipped(), *shipped(PRETRAINING)]
    assert ["lora-8M", "lora", "esm2_t6_8M_UR50D"] in words
    assert ["pretrain-8M", "pretraining", "esm2_t6_8M_UR50D"] in words
    assert ["fast", "small", "network", "no", "backbone"] in words
    assert "LoRA in all layers of ESM-2.\n  lora-8M" in output


def test_listing_loads_nothing_heavy():
    assert not heavy_after_command("recipes")


def test_a_recipe_is_printed_saved_and_trained_from_anywhere(tmp_path, labelled_file):
    changes = ["--set", "optimisation.epochs=0.1", "--set", "student.width=16"]
    code, output, errors = peft_sp("recipes", "small", *changes, cwd=tmp_path)
    assert (code, errors) == (0, "")
    assert tomllib.loads(output)["optimisation"]["epochs"] == 0.1
    (tmp_path / "mine.toml").write_text(output)
    data = ["--set", f"data={labelled_file}"]
    code, output, errors = peft_sp("train", "mine.toml", "-o", "model", *data, cwd=tmp_path)
    assert code == 0, errors
    assert (tmp_path / "model" / "model.onnx").exists()


def test_mistakes_are_one_line(tmp_path):
    cases = [
        (("recipes", "lora-8m"), "did you mean lora-8M"),
        (("train", "lora-8m", "-o", tmp_path / "m"), "did you mean lora-8M"),
        (("recipes", "--set", "seed=2"), "--set and --unset need the name of a recipe"),
        (("recipes", "small", "--unset", "backbone"), "--unset backbone: the recipe does not set"),
        (("recipes", "small", "--set", "seed=x", "--set", "speed=1"), "unknown option speed"),
    ]
    for arguments, problem in cases:
        code, output, errors = peft_sp(*arguments)
        assert (code, output) == (2, "")
        assert errors.count("\n") == 1 and problem in errors, errors
