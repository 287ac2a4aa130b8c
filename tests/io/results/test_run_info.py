import pytest

from peft_sp.biology.organism import Organism
from peft_sp.io.results.run_info import RunInfo


@pytest.mark.parametrize(
    ("organism", "layout"),
    [("eukarya", Organism.EUKARYA), ("other", Organism.OTHER), ("auto", Organism.OTHER)],
)
def test_files_have_the_columns_of_all_types_unless_all_are_eukaryotes(organism, layout):
    assert RunInfo("t", "m", organism, 1).layout is layout


def test_what_decides_the_predictions_is_one_text():
    assert RunInfo("t", "fast", "other", 1).settings == "model fast, organism other"
    cutoff = RunInfo("t", "fast", "auto", 1, threshold=0.3).settings
    assert cutoff == "model fast, organism by header, threshold 0.3"
