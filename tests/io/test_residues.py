"""The files of each protein against those of the real tool."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_sp.biology.prediction import MARGINAL_COLUMNS, Marginals, Prediction, Protein, Region
from peft_sp.errors import MissingExtraError
from peft_sp.inference.predictor import load
from peft_sp.io import residues
from peft_sp.io.fasta import open_input
from peft_sp.io.output import OutputFiles
from peft_sp.io.residues import COLUMNS, FreeNames, ResidueFiles, file_stem, residue_table
from tests.conftest import DATA

REAL = DATA / "signalp6"
NONE = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
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


def test_names_stay_apart():
    free = FreeNames()
    names = ["twin", "twin", "twin_2", "twin", "other"]
    assert [free(name) for name in names] == ["twin", "twin_2", "twin_2_2", "twin_3", "other"]


def test_many_equal_names_take_no_longer_each():
    free = FreeNames()
    assert len({free("same") for _ in range(20_000)}) == 20_000


def test_names_of_files():
    assert file_stem("a/b ../c|é") == "output_a_b____c__"
    assert len(file_stem("x" * 999)) < 230


def write(folder, plots, proteins):
    values = np.full((3, len(COLUMNS)), 1 / len(COLUMNS))
    names = []
    with OutputFiles(folder) as files:
        writer = ResidueFiles(files, plots)
        for header in proteins:
            marginals = marginals_of(values)
            names.append(
                writer.write(Prediction(Protein(header, "MKT"), "NO_SP", NONE, marginals=marginals))
            )
    return names


def test_headers_that_differ_in_signs_only_keep_their_own_files(tmp_path):
    names = write(tmp_path, "txt", ["a b", "a-b", "y" * 300, "y" * 301])
    files = [name["txt"] for name in names]
    assert files[:2] == ["output_a_b_plot.txt", "output_a_b_2_plot.txt"]
    assert {p.name for p in tmp_path.iterdir()} == set(files) and len(set(files)) == 4
    for name, header in zip(files, ["a b", "a-b"], strict=False):
        assert (tmp_path / name).read_text().startswith(f"# Name={header}\n")


def test_no_files_where_none_are_asked_for(tmp_path):
    assert write(tmp_path, "none", ["a"]) == [{}]
    assert list(tmp_path.iterdir()) == []


def test_marginals_are_needed(tmp_path):
    with pytest.raises(ValueError, match="with marginals"), OutputFiles(tmp_path) as files:
        ResidueFiles(files, "txt").write(Prediction(Protein("a", "MKT"), "NO_SP", NONE))


PICTURES = {"png": {"png", "txt"}, "eps": {"eps", "txt"}, "all": {"png", "eps", "txt"}}


@pytest.mark.parametrize("plots", PICTURES)
def test_what_is_asked_of_the_one_who_draws(plots, tmp_path, monkeypatch):
    seen = []

    def draw(prediction, probabilities, path):
        seen.append((prediction.id, probabilities.regions.shape, path.suffix))
        path.write_text("a picture")

    monkeypatch.setitem(
        sys.modules, "peft_sp.io.plots", SimpleNamespace(draw=draw, require=lambda kind: None)
    )
    ((names),) = write(tmp_path, plots, ["a"])
    assert set(names) == PICTURES[plots]
    assert {p.name for p in tmp_path.iterdir()} == set(names.values())
    drawn = PICTURES[plots] - {"txt"}
    assert sorted(seen) == sorted(("a", (3, len(MARGINAL_COLUMNS)), f".{kind}") for kind in drawn)


def test_pictures_that_cannot_be_drawn(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft_sp.io.canvas", None)
    with pytest.raises(MissingExtraError, match=r"drawing png pictures.*peft-sp\[plot\]"):
        residues.drawer()
