import pytest

from peft_sp.biology.organism import Organism
from peft_sp.io.run_info import RunInfo


@pytest.mark.parametrize(
    ("organism", "layout"),
    [("eukarya", Organism.EUKARYA), ("other", Organism.OTHER), ("auto", Organism.OTHER)],
)
def test_files_have_the_columns_of_all_types_unless_all_are_eukaryotes(organism, layout):
    assert RunInfo("t", "m", organism, 1).layout is layout
