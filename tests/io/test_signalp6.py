"""Our SignalP 6 files against those of the real tool."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import Prediction, Protein, Region
from peft_sp.io import run_directory
from peft_sp.io.fasta import open_input
from peft_sp.io.run_directory import OutputFiles
from peft_sp.io.signalp6 import FILES, Run, SignalP6Writer
from tests.support.paths import DATA
from tests.support.predictions import by_type

REAL = DATA / "signalp6"


def write(directory, predictions, **about):
    about = {"output": "output", "mode": "", **about}
    run = Run("SignalP-6.0", count=len(predictions), directory=about.pop("output"), **about)
    with OutputFiles(directory) as files:
        writer = SignalP6Writer(files, run)
        for prediction in predictions:
            writer.write(prediction)
        writer.finish()
    return {name: (directory / name).read_text() for name in FILES}


def proteins(path):
    with open_input([path]) as source:
        return list(source.proteins())


def without_plots(text: str) -> str:
    """The pictures are another option of the tool: empty, as where none was asked for."""
    text = re.sub(r'("Plot_\w+": )".*"', r'\1""', text)
    return re.sub(r'("FORMAT": )".*"', r'\1"none"', text)


def test_a_signal_peptide_in_a_eukaryote_equals_the_real_files(tmp_path):
    """The numbers of the real run, written by us, give its files byte by byte."""
    real = REAL / "eukarya_il2"
    protein = proteins(real / "Target-X.fasta")[0]
    prediction = Prediction(
        protein,
        "SP",
        by_type(0.000151, 0.99986106),
        20,
        0.988927,
        (Region("n-region", 1, 5), Region("h-region", 6, 17), Region("c-region", 18, 20)),
    )
    time = datetime(2026, 2, 8, 8, 50, 23)
    ours = write(tmp_path, [prediction], organism="eukarya", mode="slow", time=time)
    for name in FILES:
        assert ours[name] == without_plots((real / name).read_text()), name


def test_a_protein_without_one_in_a_bacterium_equals_the_real_files(tmp_path):
    real = REAL / "other_vacsol"
    protein = proteins(real / "vacsol_ai_sequences.fasta")[0]
    prediction = Prediction(protein, "NO_SP", by_type(1.000036, 0.000001))
    mode = json.loads((real / "output.json").read_text())["MODE"]
    time = datetime(2023, 6, 13, 12, 33, 58)
    ours = write(tmp_path, [prediction], organism="other", mode=mode, time=time)
    for name in FILES:
        assert ours[name] == without_plots((real / name).read_text()), name


def test_three_hundred_proteins_equal_the_real_files(tmp_path, shared):
    real = shared / "formats" / "signalp6_other_petase"
    rows = [line.split("\t") for line in (real / "prediction_results.txt").read_text().splitlines()]
    found = proteins(real / "tournament_wt.fasta")
    predictions = [
        Prediction(protein, "NO_SP", by_type(*map(float, row[2:8])))
        for protein, row in zip(found, rows[2:], strict=True)
    ]
    ours = write(
        tmp_path,
        predictions,
        organism="other",
        mode="fast",
        output="/home/signalp/output",
        time=datetime(2026, 1, 1, 6, 38, 38),
    )
    for name in FILES[:4]:
        assert ours[name] == (real / name).read_text(), name
    # The real tool rounds probabilities that it did not print; the layout is the same.
    numbers = re.compile(r"^ +\d\.\d+,?$", re.MULTILINE)
    expected = without_plots((real / "output.json").read_text())
    assert numbers.sub("0", ours["output.json"]) == numbers.sub("0", expected)


KINDS = {
    "LIPO": ("lipoprotein_signal_peptide", "."),
    "TAT": ("signal_peptide", "Note=TAT"),
    "TATLIPO": ("lipoprotein_signal_peptide", "Note=TAT"),
    "PILIN": ("signal_peptide", "Note=Pilin"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_the_other_types(tmp_path, kind):
    shares = {name: 0.9 if name == kind else 0.02 for name in TYPES}
    prediction = Prediction(Protein("p some protein", "M" * 40), kind, shares, 22, 0.8)
    ours = write(tmp_path, [prediction], organism="other")
    fields = ours["output.gff3"].splitlines()[1].split("\t")
    assert fields[:5] == ["p some protein", "SignalP-6.0", KINDS[kind][0], "1", "22"]
    assert fields[5:] == ["0.9", ".", ".", KINDS[kind][1]]
    row = ours["prediction_results.txt"].splitlines()[2].split("\t")
    assert row[1] == kind and row[-1] == "CS pos: 22-23. Pr: 0.8000"


def regions_of(tmp_path, kind, regions, site=22):
    shares = {name: 0.9 if name == kind else 0.02 for name in TYPES}
    prediction = Prediction(Protein("p", "M" * 40), kind, shares, site, 0.8, regions)
    lines = write(tmp_path, [prediction], organism="other")["region_output.gff3"].splitlines()
    return [tuple(line.split("\t")[2:5]) for line in lines[1:]]


def test_a_region_is_one_line_in_the_order_of_the_real_tool(tmp_path):
    regions = (
        Region("n-region", 1, 5),
        Region("twin-arginine motif", 6, 7),
        Region("n-region", 8, 9),
        Region("h-region", 10, 19),
        Region("lipobox", 20, 22),
        Region("lipid-modified cysteine", 23, 23),
    )
    assert regions_of(tmp_path, "TATLIPO", regions) == [
        ("n-region", "1", "9"),
        ("h-region", "10", "19"),
        ("lipid-modified cysteine", "23", "23"),
        ("twin-arginine motif", "6", "7"),
    ]


def test_a_pilin_has_no_regions(tmp_path):
    regions = (Region("n-region", 1, 22), Region("pilin motif", 23, 27), Region("h-region", 28, 39))
    assert regions_of(tmp_path, "PILIN", regions) == []


def test_a_signal_peptide_without_a_site_has_no_end_of_minus_one(tmp_path):
    """Our decoder gives none; where the real tool does, its end is -1."""
    prediction = Prediction(Protein("p", "M" * 40), "SP", by_type(0.1, 0.9))
    ours = write(tmp_path, [prediction], organism="other")
    assert ours["output.gff3"] == ours["region_output.gff3"] == "## gff-version 3\n"
    assert ours["processed_entries.fasta"] == ""
    assert ours["prediction_results.txt"].splitlines()[2].split("\t")[-1] == ""
    assert json.loads(ours["output.json"])["SEQUENCES"]["p"]["CS_pos"] == ""


def test_equal_headers_stay_apart_in_the_json(tmp_path):
    headers = ["twin", "twin", "twin_2", "twin"]
    shares = by_type(1.0)
    predictions = [Prediction(Protein(header, "MKT"), "NO_SP", shares) for header in headers]
    ours = write(tmp_path, predictions, organism="other")
    keys = list(json.loads(ours["output.json"])["SEQUENCES"])
    assert keys == ["twin", "twin_2", "twin_2_2", "twin_3"]


def test_headers_with_quotes_are_valid_json(tmp_path):
    protein = Protein('5\' "end" \\ café', "MKT")
    ours = write(tmp_path, [Prediction(protein, "NO_SP", by_type(1.0))], organism="other")
    assert json.loads(ours["output.json"])["SEQUENCES"][protein.header]["Name"] == protein.header


def test_files_that_are_gone_on_with_equal_straight_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(run_directory, "INTERVAL", 0)
    monkeypatch.setattr(run_directory, "SHARE", 1e9)
    headers = ["twin", "twin", "twin_2", "twin", "last"]
    shares = by_type(0.1, 0.9)
    predictions = [Prediction(Protein(h, "M" * 40), "SP", shares, 22, 0.8) for h in headers]
    time = datetime(2026, 1, 1)
    straight = write(tmp_path / "straight", predictions, organism="other", time=time)
    run = Run("SignalP-6.0", "other", 5, "output", "", time=time)
    for stop in range(1, 6):
        with pytest.raises(KeyboardInterrupt), OutputFiles(tmp_path / "again") as files:
            writer = SignalP6Writer(files, run)
            for number, prediction in enumerate(predictions, 1):
                writer.write(prediction)
                if number == stop:
                    files.mark(number, dict)
            raise KeyboardInterrupt
        with OutputFiles(tmp_path / "again", resume=True) as files:
            writer = SignalP6Writer(files, run)
            for prediction in predictions[:stop]:
                writer.pass_over(prediction.protein)
            for prediction in predictions[stop:]:
                writer.write(prediction)
            writer.finish()
        assert {n: (tmp_path / "again" / n).read_text() for n in FILES} == straight
