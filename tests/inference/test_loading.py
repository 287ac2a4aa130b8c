"""What `load` refuses before it reads anything."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from peft_sp.errors import ModelError, OptionError, PeftSpError
from peft_sp.inference.decoding.crf_scores import Temperatures
from peft_sp.inference.loading import load
from peft_sp.io.registry import hub
from peft_sp.io.registry.lookup import bundled
from peft_sp.io.registry.model_config import ModelConfig

WINDOW = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"


@pytest.mark.parametrize("threads", [0, -1, 1.0, 2.5, True, "2"])
def test_threads_are_a_positive_number(threads):
    with pytest.raises(OptionError, match=re.escape(f"threads is {threads!r}; give a whole")):
        load("fast", threads=threads)
    with pytest.raises(ValueError, match="threads"):
        load("no such model", threads=threads)
    assert issubclass(OptionError, PeftSpError)


def test_a_temperature_that_is_given_replaces_the_models_own():
    own = load("fast", threads=1)
    warm = load("fast", threads=1, temperature=4.0)
    assert warm.backend.scores.temperatures == Temperatures(4.0)
    assert own.backend.scores.temperatures.types == own.config.calibration.temperature != 4.0
    (sure,), (unsure,) = (list(p.predict([("a", WINDOW)])) for p in (own, warm))
    assert sure.type == unsure.type == "SP" and sure.cleavage_site == unsure.cleavage_site
    assert unsure.probability < sure.probability


@pytest.mark.parametrize("temperature", [math.nan, math.inf, 0, -1.0])
def test_a_temperature_is_a_positive_number(temperature):
    with pytest.raises(OptionError, match=r"temperature is .*; give a number above 0"):
        load("fast", temperature=temperature)


def spoilt(folder, name, value):
    """The bundled model with one weight of a tensor replaced."""
    import onnx
    from onnx import numpy_helper

    shutil.copytree(bundled()["fast"], folder)
    model = onnx.load(folder / "model.onnx")
    (tensor,) = (t for t in model.graph.initializer if name in t.name)
    weights = numpy_helper.to_array(tensor).copy()
    weights.flat[0] = value
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    onnx.save(model, folder / "model.onnx")
    return folder


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("name", ["head.bias", "crf.transitions", "crf.starts", "crf.ends"])
def test_a_model_that_computes_no_numbers_predicts_nothing(name, value, tmp_path):
    folder = spoilt(tmp_path / "mine", name, value)
    problem = rf"model '{folder}' computes" if value == 3e38 else rf"{folder}/model\.onnx: .* NaN"
    with pytest.raises(ModelError, match=f"{problem} .*; get the model again") as caught:
        list(load(folder).predict([("a", WINDOW)]))
    assert "\n" not in str(caught.value)


@pytest.mark.integration
def test_members_are_directories_whatever_their_names(tmp_path, monkeypatch):
    """Not models of that name, and nothing that the hub is asked for."""

    def asked(name):
        raise AssertionError(f"the hub was asked for {name}")

    monkeypatch.setattr(hub, "library", asked)
    monkeypatch.chdir(tmp_path)
    fast = bundled()["fast"]
    for name in ("m0@main", "fast"):
        shutil.copytree(fast, tmp_path / "both" / name)
    one = ModelConfig.read(fast)
    replace(one, name="both", members=("m0@main", "fast")).write(tmp_path / "both")
    assert len(load("both", threads=1).backend.members) == 2
    shutil.rmtree(tmp_path / "both" / "fast")
    with pytest.raises(PeftSpError, match="both/fast"):
        load("both", threads=1)
