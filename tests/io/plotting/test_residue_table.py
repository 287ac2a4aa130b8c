"""The files of each protein against those of the real tool."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_sp.biology.prediction import MARGINAL_COLUMNS, Marginals, Prediction, Protein, Region
from peft_sp.inference.loading import load
from peft_sp.io.fasta import open_input
from peft_sp.io.plotting.residue_table import COLUMNS, residue_table
from peft_sp.io.writers.signalp6 import file_stem
from tests.support.paths import DATA
from tests.support.predictions import by_type

REAL = DATA / "signalp6"
NONE = by_type(1.0)
CASES = {
    "eukarya_il2": (
        "Target-X.fasta",
        "SP",
        (Region("n-region", 1, 5), Region("h-region", 6, 17), Region("c-region", 18, 20)),
    ),
    "other_vacsol": ("vacsol_ai_sequences.fasta", "NO_SP", ()),
}


def marginals_of(values) -> Marginals:
    """Marginals from the columns of the real file; none of them is a lipobox's."""
    values = np.asarray(values, dtype=np.float32)
    regions = np.zeros((len(values), len(MARGINAL_COLUMNS)), dtype=np.float32)
    regions[:, [MARGINAL_COLUMNS.index(name) for name in COLUMNS]] = values
    return Marginals(regions, np.zeros(len(values), dtype=np.float32))


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_of_a_real_run_give_its_file_byte_by_byte(case):
    name, kind, regions = CASES[case]
    (real,) = (REAL / case).glob("*_plot.txt")
    rows = [line.split("\t") for line in real.read_text().splitlines()[2:]]
    with open_input([REAL / case / name]) as source:
        (protein,) = source.proteins()
    marginals = marginals_of([[float(value) for value in row[3:]] for row in rows])
    prediction = Prediction(protein, kind, NONE, regions=regions, marginals=marginals)
    assert residue_table(prediction, marginals) == real.read_bytes()
    assert f"{file_stem(protein.header)}_plot.txt" == real.name


@given(st.integers(1, 70), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_rows_are_what_formatting_one_by_one_gives(length, seed):
    rng = np.random.default_rng(seed)
    values = rng.dirichlet(np.full(len(COLUMNS), 0.1), length).round(6)
    window = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWYX"), length))
    prediction = Prediction(Protein("p", window + "A" * 40), "NO_SP", NONE)
    marginals = marginals_of(np.pad(values, ((0, 70 - length), (0, 0)))[:70])
    window = prediction.protein.window
    marginals = Marginals(marginals.regions[: len(window)], marginals.cleavage[: len(window)])
    lines = residue_table(prediction, marginals).decode().split("\n")
    assert lines[0] == "# Name=p" and lines[-1] == ""
    columns = [MARGINAL_COLUMNS.index(name) for name in COLUMNS]
    for place, line in enumerate(lines[2:-1]):
        numbers = [f"{value:.6f}" for value in marginals.regions[place, columns].tolist()]
        assert line == "\t".join([str(place + 1), window[place], "O", *numbers])
    assert len(lines) == 2 + len(window) + 1


LABELS = {  # a start of the real protein -> its labels
    "LIPO": ("MKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAKDDAARANQRLD", "NHLcO"),
    "TAT": ("MNNNDLFQASRRRFLAQLGGLTVAGMLGPSLLTPRRATAAQAATDAVISKEGILTGSHWGAIRATVKDGR", "NRNHCO"),
    "PILIN": ("MKAQKGFTLIELMIVVAIIGILAAIAIPQYQDYVARSEGASALATINPLKTTVEESLSRGIAGSKIKIGT", "PcHO"),
    "SP": ("MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAFGGYQVNPYV", "NHCO"),
    "NO_SP": ("MRVLKFGGTSVANAERFLRVADILESNARQGQVATVLSAPAKITNHLVAMIEKTISGQDALPNISDAERI", "O"),
}


def table_of(prediction):
    lines = residue_table(prediction, prediction.marginals).decode().splitlines()
    return [line.split("\t") for line in lines[2:]]


def test_labels_and_columns_of_every_type():
    predictor = load("fast", threads=1)
    pairs = [(kind, sequence) for kind, (sequence, _) in LABELS.items()]
    for prediction in predictor.predict(pairs, marginals=True):
        assert prediction.type == prediction.id
        rows = table_of(prediction)
        labels = "".join(row[2] for row in rows)
        order = "".join(a for a, b in zip(labels, " " + labels, strict=False) if a != b)
        assert order == LABELS[prediction.id][1]
        values = np.array([row[3:] for row in rows], dtype=float)
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=2e-5)
        if prediction.type == "LIPO":
            # The residues before the cut have no column of their own, the cysteine has.
            site = prediction.cleavage_site
            assert values[site, COLUMNS.index("Sec/SPII cys")] > 0.9
            assert values[site - 1, 0] > 0.9
            assert prediction.protein.sequence[site] == "C"


def test_a_lipobox_is_other_in_the_real_columns():
    regions = np.zeros((1, len(MARGINAL_COLUMNS)), dtype=np.float32)
    regions[0, MARGINAL_COLUMNS.index("Sec/SPII lipobox")] = 0.25
    regions[0, MARGINAL_COLUMNS.index("Tat/SPII lipobox")] = 0.25
    regions[0, MARGINAL_COLUMNS.index("Other")] = 0.5
    marginals = Marginals(regions, np.zeros(1, dtype=np.float32))
    prediction = Prediction(Protein("p", "M"), "NO_SP", NONE, marginals=marginals)
    assert table_of(prediction)[0][3:5] == ["1.000000", "0.000000"]
