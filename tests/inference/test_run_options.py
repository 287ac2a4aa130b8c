"""Options of a run: what is refused, and what they mean for its files."""

from dataclasses import replace

import pytest

from peft_sp.biology.organism import Organism
from peft_sp.errors import OptionError
from peft_sp.inference.run_options import SIGNALP6, RunOptions
from peft_sp.io.writers.signalp6 import FILES


def test_options_out_of_range_are_named():
    for name in ("threads", "batch_size", "chunk"):
        for value in (0, -1):
            with pytest.raises(OptionError, match=f"{name} is {value}; give a whole number"):
                RunOptions(**{name: value})
    with pytest.raises(OptionError, match="'eukarya', 'other' or 'auto', not 'fungi'"):
        RunOptions(organism="fungi")
    with pytest.raises(OptionError, match=r"plots is one of png, .*, not 'gif'"):
        RunOptions(plots="gif")
    with pytest.raises(OptionError, match=r"protein_files is one of none, .*, not 'gif'"):
        RunOptions(layout=replace(SIGNALP6, protein_files="gif"))
    assert RunOptions(organism="eukarya").organism is Organism.EUKARYA


@pytest.mark.parametrize(
    ("options", "files", "marginals"),
    [
        (RunOptions(), ("predictions.tsv", *FILES), False),
        (RunOptions(plots="svg"), ("predictions.tsv", *FILES, "plots/"), True),
        (RunOptions(summary=True), ("predictions.tsv", *FILES, "summary.html"), True),
        (RunOptions(layout=SIGNALP6), FILES, False),
        (RunOptions(layout=replace(SIGNALP6, protein_files="txt")), FILES, True),
    ],
)
def test_files_and_what_they_need(options, files, marginals):
    assert (options.files, options.marginals) == (files, marginals)
