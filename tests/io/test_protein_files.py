"""Files of single proteins in SignalP 6's place: names, kinds, and what is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from peft_sp.biology.prediction import MARGINAL_COLUMNS, Marginals, Prediction, Protein
from peft_sp.errors import MissingExtraError
from peft_sp.io.run_directory import OutputFiles
from peft_sp.io.signalp6 import FORMATS, ProteinFiles, file_stem, require
from tests.support.predictions import by_type

NONE = by_type(1.0)


def test_names_of_files():
    assert file_stem("a/b ../c|é") == "output_a_b____c__"
    assert len(file_stem("x" * 999)) < 230


def write(folder, plots, proteins):
    values = np.full((3, len(MARGINAL_COLUMNS)), 1 / len(MARGINAL_COLUMNS), dtype=np.float32)
    names = []
    with OutputFiles(folder) as files:
        writer = ProteinFiles(files, plots)
        for header in proteins:
            marginals = Marginals(values, np.zeros(3, dtype=np.float32))
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
        ProteinFiles(files, "txt").write(Prediction(Protein("a", "MKT"), "NO_SP", NONE))


@pytest.mark.parametrize("kind", ["png", "eps", "all"])
def test_a_picture_and_its_table(kind, tmp_path):
    pytest.importorskip("matplotlib")
    begins = {"png": b"\x89PNG", "eps": b"%!PS", "txt": b"# Name="}
    (names,) = write(tmp_path, kind, ["a"])
    assert set(names) == set(FORMATS[kind]) and "txt" in names
    assert {p.name for p in tmp_path.iterdir()} == set(names.values())
    for suffix, name in names.items():
        assert (tmp_path / name).read_bytes().startswith(begins[suffix])


def test_pictures_that_cannot_be_drawn(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft_sp.io.plotting.matplotlib_backend", None)
    with pytest.raises(MissingExtraError, match=r"drawing png pictures.*peft-sp\[plot\]"):
        require("png")
