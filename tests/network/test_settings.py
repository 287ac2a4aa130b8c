"""Settings of a network that contradict each other are refused when they are read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from peft_sp.network.settings import HeadSettings, ModelSettings, StudentSettings
from peft_sp.network.tuning import LoRA

STUDENT = StudentSettings(width=16, hidden=8, convolutions=2, kernel=5)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "give either backbone or"),
        ({"backbone": "esm2-8M"}, "a backbone needs"),
        ({"student": STUDENT, "tuning": LoRA()}, "trains all its parameters"),
        ({"student": STUDENT, "backbone_precision": "bfloat16"}, "is of a backbone"),
        ({"student": {"kernel": 4}}, "kernel must be odd, not 4"),
        ({"backbone": "x", "tuning": LoRA(), "student": STUDENT}, "and not both"),
    ],
)
def test_settings_that_do_not_go_together(values, problem):
    with pytest.raises(ValidationError, match=problem):
        ModelSettings(**values)


def test_unknown_options_are_refused_and_values_are_fixed():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        StudentSettings.model_validate({"widht": 8})
    with pytest.raises(ValidationError, match="frozen"):
        STUDENT.width = 8


def test_the_method_decides_which_options_there_are():
    values = {"backbone": "x", "tuning": {"method": "lora", "rank": 2}}
    assert ModelSettings.model_validate(values).tuning == LoRA(rank=2)
    with pytest.raises(ValidationError, match="bottleneck"):
        ModelSettings.model_validate({**values, "tuning": {"method": "lora", "bottleneck": 2}})
    with pytest.raises(ValidationError, match="expected tags"):
        ModelSettings.model_validate({"backbone": "x", "tuning": {"method": "none such"}})


def test_settings_survive_json():
    settings = ModelSettings(backbone="x", tuning=LoRA(rank=2), head=HeadSettings(dropout=0.3))
    assert ModelSettings.model_validate_json(settings.model_dump_json()) == settings
