"""The choices that commands offer are those of the library."""

from typing import get_args

import pytest
from rich.text import Text

from peft_sp.cli.predict import predict
from peft_sp.cli.terminal.options import Plots, Precision
from peft_sp.errors import OptionError
from peft_sp.inference import backends
from peft_sp.inference.loading import load
from peft_sp.io.plotting.plotter import KINDS


def test_every_choice_is_one_of_the_library():
    assert {plots.value for plots in Plots} == {"none", *KINDS}
    assert {precision.value for precision in Precision} == set(get_args(backends.Precision))


def test_a_device_or_precision_that_there_is_not_is_one_line_with_the_choices():
    with pytest.raises(OptionError, match="there is no device 'gpu'; give auto, cpu, cuda, cuda:N"):
        predict(["no.faa"], device="gpu")
    with pytest.raises(OptionError, match="precision is 'float16'; give one of float32, tf32"):
        load("fast", precision="float16")


def test_every_option_has_help():
    for annotation in predict.__annotations__.values():
        assert annotation == "None" or annotation.startswith("options.")
    from peft_sp.cli.terminal import options

    offered = [value for name, value in vars(options).items() if get_args(value)]
    texts = [get_args(value)[-1].help for value in offered]
    assert texts and all(texts)
    # Nothing in brackets is taken for a style.
    assert [Text.from_markup(text).plain for text in texts] == [
        t.replace("\\[", "[") for t in texts
    ]
