"""Our SignalP 6 files against those of the real tool."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import MARGINAL_COLUMNS, Marginals, Prediction, Protein, Region
from peft_sp.errors import MissingExtraError
from peft_sp.io.fasta import open_input
from peft_sp.io.results.protection import RECORD
from peft_sp.io.results.run_directory import RunDirectory
from peft_sp.io.results.run_info import RunInfo
from peft_sp.io.writers.signalp6 import (
    FILES,
    FORMATS,
    ProteinFiles,
    SignalP6Writer,
    file_stem,
    require,
)
from tests.support import consumers
from tests.support.commands import peft_sp, signalp6
from tests.support.paths import DATA
from tests.support.predictions import by_type

REAL = DATA / "signalp6"


def write(folder, predictions, **about):
    about = {"directory": "output", "model": "", **about}
    run = RunInfo("SignalP-6.0", count=len(predictions), **about)
    with RunDirectory(folder) as files:
        writer = SignalP6Writer(files, run)
        for prediction in predictions:
            writer.write(prediction)
        writer.finish()
    return {name: (folder / name).read_text() for name in FILES}


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
    ours = write(tmp_path, [prediction], organism="eukarya", model="slow", time=time)
    for name in FILES:
        assert ours[name] == without_plots((real / name).read_text()), name


def test_a_protein_without_one_in_a_bacterium_equals_the_real_files(tmp_path):
    real = REAL / "other_vacsol"
    protein = proteins(real / "vacsol_ai_sequences.fasta")[0]
    prediction = Prediction(protein, "NO_SP", by_type(1.000036, 0.000001))
    mode = json.loads((real / "output.json").read_text())["MODE"]
    time = datetime(2023, 6, 13, 12, 33, 58)
    ours = write(tmp_path, [prediction], organism="other", model=mode, time=time)
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
        model="fast",
        directory="/home/signalp/output",
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


def test_headers_with_quotes_are_valid_json(tmp_path):
    protein = Protein('5\' "end" \\ café', "MKT")
    ours = write(tmp_path, [Prediction(protein, "NO_SP", by_type(1.0))], organism="other")
    assert json.loads(ours["output.json"])["SEQUENCES"][protein.header]["Name"] == protein.header


def test_files_that_are_resumed_equal_straight_ones(tmp_path):
    headers = ["one", "two", "three", "four", "last"]
    shares = by_type(0.1, 0.9)
    predictions = [Prediction(Protein(h, "M" * 40), "SP", shares, 22, 0.8) for h in headers]
    time = datetime(2026, 1, 1)
    straight = write(tmp_path / "straight", predictions, organism="other", time=time)
    run = RunInfo("SignalP-6.0", "", "other", 5, directory="output", time=time)
    at_once = {"interval": 0, "share": 1e9}
    for stop in range(1, 6):
        with pytest.raises(KeyboardInterrupt), RunDirectory(tmp_path / "again", **at_once) as files:
            writer = SignalP6Writer(files, run)
            for number, prediction in enumerate(predictions, 1):
                writer.write(prediction)
                if number == stop:
                    files.mark(number, dict)
            raise KeyboardInterrupt
        with RunDirectory(tmp_path / "again", resume=True) as files:
            writer = SignalP6Writer(files, run)
            for prediction in predictions[:stop]:
                writer.pass_over(prediction.protein)
            for prediction in predictions[stop:]:
                writer.write(prediction)
            writer.finish()
        assert {n: (tmp_path / "again" / n).read_text() for n in FILES} == straight


# Files of each protein ----------------------------------------------------------------------


def test_names_of_files():
    assert file_stem("a/b ../c|é") == "output_a_b____c__"
    assert len(file_stem("x" * 999)) < 230


def write_files_of_each(folder, plots, proteins):
    values = np.full((3, len(MARGINAL_COLUMNS)), 1 / len(MARGINAL_COLUMNS), dtype=np.float32)
    names = []
    with RunDirectory(folder) as files:
        writer = ProteinFiles(files, plots)
        for header in proteins:
            marginals = Marginals(values, np.zeros(3, dtype=np.float32))
            names.append(
                writer.write(
                    Prediction(Protein(header, "MKT"), "NO_SP", by_type(1.0), marginals=marginals)
                )
            )
    return names


def test_headers_that_differ_in_signs_only_keep_their_own_files(tmp_path):
    headers = ["a b", "a-b", "A b", "y" * 300, "y" * 301]
    names = write_files_of_each(tmp_path, "txt", headers)
    files = [name["txt"] for name in names]
    assert files[:3] == [f"output_{stem}_plot.txt" for stem in ("a_b", "a_b_2", "A_b_3")]
    assert {p.name for p in tmp_path.iterdir()} - {RECORD} == set(files) and len(set(files)) == 5
    for name, header in zip(files, ["a b", "a-b"], strict=False):
        assert (tmp_path / name).read_text().startswith(f"# Name={header}\n")


def test_no_files_where_none_are_asked_for(tmp_path):
    assert write_files_of_each(tmp_path, "none", ["a"]) == [{}]
    assert list(tmp_path.iterdir()) == []


def test_marginals_are_needed(tmp_path):
    with pytest.raises(ValueError, match="with marginals"), RunDirectory(tmp_path) as files:
        ProteinFiles(files, "txt").write(Prediction(Protein("a", "MKT"), "NO_SP", by_type(1.0)))


@pytest.mark.parametrize("kind", ["png", "eps", "all"])
def test_a_picture_and_its_table(kind, tmp_path):
    pytest.importorskip("matplotlib")
    begins = {"png": b"\x89PNG", "eps": b"%!PS", "txt": b"# Name="}
    (names,) = write_files_of_each(tmp_path, kind, ["a"])
    assert set(names) == set(FORMATS[kind]) and "txt" in names
    assert {p.name for p in tmp_path.iterdir()} - {RECORD} == set(names.values())
    for suffix, name in names.items():
        assert (tmp_path / name).read_bytes().startswith(begins[suffix])


def test_pictures_that_cannot_be_drawn(without_matplotlib):
    with pytest.raises(MissingExtraError, match=r"drawing png pictures.*peft-sp\[plot\]"):
        require("png")


def test_a_threshold_stands_in_the_head_of_the_table_and_nothing_without_one(tmp_path):
    time = datetime(2026, 2, 8, 8, 50, 23)
    for name, threshold, end in (("with", 0.3, "\tThreshold: 0.3"), ("without", None, "")):
        about = {"organism": "other", "time": time, "threshold": threshold}
        head = write(tmp_path / name, [], **about)["prediction_results.txt"].split("\n")[0]
        assert head == f"# SignalP-6.0\tOrganism: Other\tTimestamp: 20260208085023{end}"


@pytest.fixture(scope="module")
def sample(ecoli, tmp_path_factory):
    """The proteome sample in both layouts, and our own table of each."""
    folder = tmp_path_factory.mktemp("consumers")
    made = {}
    for organism in ("other", "eukarya"):
        out, table = folder / organism, folder / f"{organism}-own"
        assert signalp6("-ff", ecoli, "-od", out, "-org", organism, "-fmt", "none")[0] == 0
        own = ("predict", ecoli, "-o", table, "--organism", organism)
        assert peft_sp(*own)[0] == 0
        with (table / "predictions.tsv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        headers = re.findall("^>(.*)$", ecoli.read_text(), re.MULTILINE)
        made[organism] = out, dict(zip(headers, rows, strict=True))
    return made


MECHANISMS = {
    "SP": "Sec/SPI",
    "LIPO": "Sec/SPII",
    "TAT": "Tat/SPI",
    "TATLIPO": "Tat/SPII",
    "PILIN": "Sec/SPIII",
}


@pytest.mark.parametrize("organism", ["other", "eukarya"])
@pytest.mark.integration
def test_those_who_read_the_gff(organism, sample):
    out, table = sample[organism]
    positive = {name: row for name, row in table.items() if row["type"] != "NO_SP"}
    assert len(positive) > 20
    matches = consumers.interproscan(out)
    assert list(matches) == list(positive)
    for name, (mechanism, start, end, score) in matches.items():
        row = positive[name]
        assert (mechanism, start) == (MECHANISMS[row["type"]], 1)
        assert end == int(row["cleavage_site"])
        assert score == pytest.approx(float(row[f"p_{row['type'].lower()}"]), abs=1e-6)
    found = consumers.trinotate(out)
    assert [(name, *rest[1:3]) for name, *rest in found] == [
        (name, end, score) for name, (_, _, end, score) in matches.items()
    ]
    notes = {"TAT": "Note=TAT", "TATLIPO": "Note=TAT", "PILIN": "Note=Pilin"}
    assert [note for *_, note in found] == [
        notes.get(row["type"], ".") for row in positive.values()
    ]


@pytest.mark.integration
def test_those_who_read_the_layout_of_eukaryotes(sample):
    out, table = sample["eukarya"]
    sites = {name: int(row["cleavage_site"]) for name, row in table.items() if row["type"] == "SP"}
    secreted = consumers.funannotate(out)
    assert {name: site for name, (site, _) in secreted.items()} == sites
    for name, (_, chance) in secreted.items():
        assert chance == pytest.approx(float(table[name]["cleavage_probability"]), abs=1e-4)
    found = consumers.predector(out)
    assert list(found) == list(table)
    for name, (kind, no_sp, sp, mature) in found.items():
        row = table[name]
        assert kind == {"NO_SP": "OTHER"}.get(row["type"], row["type"])
        assert (no_sp, sp) == (float(row["p_no_sp"]), float(row["p_sp"]))
        assert mature == (sites[name] + 1 if name in sites else None)
    assert dict(consumers.isoform_switch_analyzer(out)) == sites


@pytest.mark.integration
def test_those_who_read_the_layout_of_the_others(sample):
    out, table = sample["other"]
    found = consumers.anvio(out)
    assert list(found) == list(table)
    for name, (kind, shares, site) in found.items():
        row = table[name]
        assert kind == {"NO_SP": "OTHER"}.get(row["type"], row["type"])
        assert shares == [float(value) for key, value in row.items() if key.startswith("p_")]
        assert site.startswith("CS pos: ") == bool(row["cleavage_site"])


@pytest.mark.parametrize("case", ["eukarya_il2"])
@pytest.mark.integration
def test_the_readers_read_the_real_files_too(case):
    real = REAL / case
    name = "Target_X  = Human IL-2 Precursor"
    assert consumers.interproscan(real) == {name: ("Sec/SPI", 1, 20, 0.99986106)}
    assert consumers.trinotate(real) == [(name, 1, 20, 0.99986106, ".")]
    assert consumers.funannotate(real) == {name: (20, 0.9889)}
    assert consumers.predector(real) == {name: ("SP", 0.000151, 0.999861, 21)}
    assert consumers.isoform_switch_analyzer(real) == [(name, 20)]
    (row,) = consumers.anvio(REAL / "other_vacsol").values()
    assert row == ("OTHER", [1.000036, 0.000001, 0, 0, 0, 0], "")
