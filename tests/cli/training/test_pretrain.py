"""Pretraining as a command."""

from __future__ import annotations

import os
import signal

import pytest

from peft_sp.training.pretraining import checkpoint
from peft_sp.training.pretraining.recipe import as_toml
from tests.support import forked
from tests.support.commands import peft_sp
from tests.support.pretraining import small_recipe

pytestmark = pytest.mark.integration


@pytest.fixture
def recipe(tmp_path, tiny_backbone):
    file = tmp_path / "mine.toml"
    file.write_text(as_toml(small_recipe(tmp_path, tiny_backbone)))
    return file


def test_from_windows_to_a_backbone_that_is_tuned(tmp_path, recipe, labelled_file):
    backbone = tmp_path / "backbone"
    exclude = ["--set", f'windows.exclude=["{labelled_file}"]']
    code, output, errors = peft_sp("pretrain", recipe, "-o", backbone, "--threads", 1, *exclude)
    assert code == 0, errors
    assert "34 windows to train on and 6 held out, of 40; 0 excluded, 0 repeated" in errors
    assert "training: step 10 of 10, epoch 2.00 of 2, " in errors
    assert "epoch 1  held-out windows: perplexity " in errors
    assert "residues of held-out windows: perplexity" in output
    settings = [f"data={labelled_file}", f"backbone={backbone}", "optimisation.epochs=0.1"]
    changes = [part for setting in settings for part in ("--set", setting)]
    code, _, errors = peft_sp("train", "frozen-8M", "-o", tmp_path / "model", *changes)
    assert code == 0, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(tmp_path, recipe, number):
    command = ["pretrain", recipe, "-o", tmp_path / "out"]
    command += ["--set", "fitting.epochs=100000", "--set", "fitting.evaluations=10"]
    process = forked.start(*command)
    process.await_error("held-out windows: ")
    os.kill(process.pid, number)
    code, _, errors = process.wait()
    assert code == 128 + number
    assert errors.endswith("peft-sp: stopped; the same command goes on from this step\n")
    assert checkpoint.read_settings(tmp_path / "out") is not None


def test_mistakes_are_one_line(tmp_path, recipe):
    cases = [
        (("pretrain", "lora-8M"), "is a recipe for 'peft-sp train'"),
        (("train", "pretrain-8M"), "is a recipe for 'peft-sp pretrain'"),
        (("pretrain", recipe, "--set", "backbone=none"), "is no directory, no hub id"),
    ]
    for arguments, problem in cases:
        code, _, errors = peft_sp(*arguments, "-o", tmp_path / "out")
        assert code == 2 and problem in errors and errors.count("\n") <= 2, errors
        assert not (tmp_path / "out").exists()
