"""Options of a run: what is refused, and what they mean for its files."""

from dataclasses import replace

import pytest

from peft_sp.biology.organism import Organism
from peft_sp.errors import OptionError
from peft_sp.inference.run_options import SIGNALP6, Layout, RunOptions, Stages, every_name
from peft_sp.io.plotting import plotter
from peft_sp.io.writers import signalp6
from peft_sp.io.writers.fasta import FILES as SEQUENCES
from peft_sp.io.writers.signalp6 import FILES

OWN = ("predictions.tsv", "predictions.gff3")


def test_options_out_of_range_are_named():
    for name in ("threads", "batch_size", "chunk"):
        for value in (0, -1):
            with pytest.raises(OptionError, match=f"{name} is {value}; give a whole number"):
                RunOptions(**{name: value})
    with pytest.raises(
        OptionError, match="organism is 'fungi'; choose one of eukarya, other, auto"
    ):
        RunOptions(organism="fungi")
    with pytest.raises(OptionError, match=r"plots is one of png, .*, not 'gif'"):
        RunOptions(plots="gif")
    with pytest.raises(OptionError, match=r"protein_files is one of none, .*, not 'gif'"):
        RunOptions(layout=replace(SIGNALP6, protein_files="gif"))
    for value in (0, -0.5, 1.1, float("nan")):
        with pytest.raises(OptionError, match="threshold is a probability above 0 and up to 1"):
            RunOptions(threshold=value)
    assert RunOptions(organism="eukarya").organism is Organism.EUKARYA


@pytest.mark.parametrize(
    ("options", "files", "marginals"),
    [
        (RunOptions(), (*OWN, *FILES), False),
        (RunOptions(plots="svg"), (*OWN, *FILES, "plots/"), True),
        (RunOptions(summary=True), (*OWN, *FILES, "summary.html"), True),
        (RunOptions(fasta=True, threshold=1), (*OWN, *FILES, *SEQUENCES), False),
        (RunOptions(layout=SIGNALP6), FILES, False),
        (RunOptions(layout=replace(SIGNALP6, protein_files="txt")), FILES, True),
    ],
)
def test_files_and_what_they_need(options, files, marginals):
    assert (options.files, options.marginals) == (files, marginals)


def test_every_name_has_those_of_any_options():
    every = set(every_name())
    for plots in (None, *plotter.KINDS):
        for kind in signalp6.FORMATS:
            layout = Layout(protein_files=kind)
            options = RunOptions(plots=plots, summary=True, fasta=True, layout=layout)
            assert every >= set(options.written)


def test_of_one_stage_what_is_computed_counts():
    told = []
    stages = Stages(lambda *of: told.append(of), 10)
    stages.computed(4)
    stages.written(2)
    stages.computed(10)
    assert told == [(4, 10), (10, 10)]


def test_of_two_stages_their_mean_counts_and_starts_where_a_run_is_resumed():
    told = []
    stages = Stages(lambda *of: told.append(of), 10, two_stages=True, done=2)
    stages.computed(6)
    stages.written(4)
    assert told == [(4, 10), (5, 10)]


def test_nobody_need_listen():
    Stages(None, 10).computed(4)
