"""The table of a scan."""

import csv
import io

from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.biology.substitutions import Scan, Substitution
from peft_sp.io.writers.scans import COLUMNS, ScanWriter
from tests.support.predictions import by_type


def test_a_row_for_the_protein_and_one_for_each_change():
    def predicted(kind, site, *values):
        cut = values[-1] if site else None
        return Prediction(Protein("a b", "MK"), kind, by_type(*values), site, cut)

    file = io.StringIO()
    changes = (
        Substitution(2, "K", "A", predicted("SP", 18, 0.3, 0.7)),
        Substitution(2, "K", "D", predicted("NO_SP", None, 0.75, 0.25)),
    )
    ScanWriter(file).write(Scan(predicted("SP", 20, 0.1, 0.9), changes))
    rows = list(csv.reader(io.StringIO(file.getvalue()), delimiter="\t"))
    assert rows[0] == list(COLUMNS)
    assert rows[1:] == [
        ["a", "", "", "", "0.900000", "", "SP", "", "20", "", "0.900000", ""],
        [
            "a",
            "2",
            "K",
            "A",
            "0.700000",
            "-0.200000",
            "SP",
            "no",
            "18",
            "-2",
            "0.700000",
            "-0.200000",
        ],
        ["a", "2", "K", "D", "0.250000", "-0.650000", "NO_SP", "yes", "", "", "", "-0.900000"],
    ]
