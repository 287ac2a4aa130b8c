"""The choices that commands offer are those of the library."""

from typing import get_args

from rich.text import Text

from peft_sp.cli.predict import predict
from peft_sp.cli.terminal.options import Plots
from peft_sp.io.plotting.plotter import KINDS


def test_every_choice_is_one_of_the_library():
    assert {plots.value for plots in Plots} == {"none", *KINDS}


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
