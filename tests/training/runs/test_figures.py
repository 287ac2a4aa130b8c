"""A model that was trained first gets the figures of a later cross-validation."""

import pytest
from safetensors.numpy import load_file

import peft_sp
from peft_sp.errors import OutputError
from peft_sp.io.registry.model_config import ModelConfig


def test_a_finished_model_gets_figures_and_temperatures_and_keeps_its_weights(
    small_recipe, crossvalidated, tmp_path
):
    known = peft_sp.train(small_recipe, tmp_path / "known", crossval=crossvalidated)
    before = peft_sp.train(small_recipe, tmp_path / "later")
    weights = load_file(before.directory / "encoder.safetensors")
    without = ModelConfig.read(before.directory)
    assert without.calibration is None and without.metrics.cross_validation is None

    named = {"licence": "MIT", "description": "Another text."}
    peft_sp.train(small_recipe, before.directory, named, crossval=crossvalidated)
    later, wanted = ModelConfig.read(before.directory), ModelConfig.read(known.directory)
    assert later.calibration == wanted.calibration and later.calibration is not None
    assert later.metrics == wanted.metrics
    assert (later.licence, later.description) == ("MIT", "Another text.")
    assert later.made.command == without.made.command  # as the network was made
    card = (before.directory / "README.md").read_text()
    accuracy = card[card.index("## Accuracy") : card.index("## Licence")]
    assert accuracy in (known.directory / "README.md").read_text()
    for name, values in load_file(before.directory / "encoder.safetensors").items():
        assert (values == weights[name]).all()


def test_a_model_of_other_settings_or_with_figures_of_its_own_is_refused(
    small_recipe, crossvalidated, tmp_path
):
    part = peft_sp.train(small_recipe, tmp_path / "part", {"partitions.train": [0, 1]})
    with pytest.raises(OutputError, match="another recipe"):
        peft_sp.train(small_recipe, part.directory, crossval=crossvalidated)
    fold, own = crossvalidated / "test-2", {"partitions.train": [0, 1], "partitions.test": 2}
    with pytest.raises(OutputError, match="tested on proteins of its own"):
        peft_sp.train(small_recipe, fold, own, crossval=crossvalidated)
