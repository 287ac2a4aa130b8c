"""Signal peptides and proteins without one, as FASTA."""

from __future__ import annotations

from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.io.results.run_directory import RunDirectory
from peft_sp.io.writers.fasta import FILES, FastaWriter
from tests.support.predictions import by_type


def test_a_protein_is_in_one_of_the_files(tmp_path):
    with RunDirectory(tmp_path) as files:
        writer = FastaWriter(files)
        writer.write(Prediction(Protein("a one", "MKKTC"), "SP", by_type(0.1, 0.9), 3, 0.8))
        writer.write(Prediction(Protein("b two", "MRV"), "NO_SP", by_type(1.0)))
    assert [(tmp_path / name).read_text() for name in FILES] == [">a one\nMKK\n", ">b two\nMRV\n"]
