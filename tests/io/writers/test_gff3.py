"""Our GFF3: its lines, and what other programs read from it."""

from __future__ import annotations

import io
import itertools
import re
import subprocess

import pytest

import peft_sp
from peft_sp.biology.grammar import DECLARATIONS
from peft_sp.biology.prediction import Prediction, Protein, Region
from peft_sp.io.writers.gff3 import Gff3Writer, escaped
from tests.support.predictions import by_type
from tests.support.programs import program

STRANGE = "a;b=c&d,e%f>g é|h"
"""An id with every sign that GFF3 gives a meaning of its own; the blank ends it."""


def written(predictions, begun=False):
    file = io.StringIO()
    writer = Gff3Writer(file, "PEFT-SP-1", begun)
    for prediction in predictions:
        writer.write(prediction)
    return file.getvalue()


TATLIPO = Prediction(
    Protein("p x y", "M" * 99),
    "TATLIPO",
    by_type(0.1, 0, 0, 0, 0.9),
    27,
    0.85,
    (
        Region("n-region", 1, 9),
        Region("twin-arginine motif", 10, 11),
        Region("n-region", 12, 12),
        Region("h-region", 13, 24),
        Region("lipobox", 25, 27),
        Region("lipid-modified cysteine", 28, 28),
    ),
)
PILIN = Prediction(
    Protein("q|1", "M" * 60),
    "PILIN",
    by_type(0.2, 0, 0, 0, 0, 0.8),
    8,
    0.7,
    (Region("n-region", 1, 8), Region("pilin motif", 9, 13), Region("h-region", 14, 30)),
)
NONE = Prediction(Protein("r", "MK"), "NO_SP", by_type(1.0))


def test_the_features_of_a_protein():
    lines = written([NONE, TATLIPO]).splitlines()
    assert lines[:2] == ["##gff-version 3", "##sequence-region p 1 99"]
    rows = [line.split("\t") for line in lines[2:]]
    assert {(row[0], row[1], row[6], row[7]) for row in rows} == {("p", "PEFT-SP-1", ".", ".")}
    sp = "p.signal_peptide"
    assert [(row[2], row[3], row[4], row[5], row[8]) for row in rows] == [
        (
            *("signal_peptide", "1", "27", "0.900000"),
            f"ID={sp};Name=TAT Lipoprotein signal peptide (Tat/SPII);type=TATLIPO;"
            "pathway=Tat/SPII;cleavage_probability=0.850000",
        ),
        ("n_terminal_region", "1", "12", ".", f"ID=p.n_region;Name=n-region;Parent={sp}"),
        (
            *("central_hydrophobic_region_of_signal_peptide", "13", "24", "."),
            f"ID=p.h_region;Name=h-region;Parent={sp}",
        ),
        ("polypeptide_conserved_motif", "25", "28", ".", "ID=p.lipobox;Name=lipobox"),
        (
            *("post_translationally_modified_region", "28", "28", "."),
            "ID=p.lipid_modified_cysteine;Name=lipid-modified cysteine",
        ),
        (
            *("polypeptide_conserved_motif", "10", "11", "."),
            "ID=p.twin_arginine_motif;Name=twin-arginine motif",
        ),
        ("mature_protein_region", "28", "99", "0.850000", "ID=p.mature;Name=mature protein"),
    ]


def test_what_a_pilin_keeps_is_no_part_of_its_signal_peptide():
    rows = [line.split("\t") for line in written([PILIN]).splitlines()[2:]]
    parts = {row[2]: "Parent=" in row[8] for row in rows}
    assert parts["n_terminal_region"]
    assert not parts["central_hydrophobic_region_of_signal_peptide"]
    assert [row[3:5] for row in rows if row[2] == "mature_protein_region"] == [["9", "60"]]


def test_names_are_escaped_as_the_specification_says():
    assert escaped("sp|P0A910.1:^*$@!+_?-") == "sp|P0A910.1:^*$@!+_?-"
    assert escaped("a;b=c&d,e%f>g\té~") == "a%3Bb%3Dc%26d%2Ce%25f%3Eg%09%C3%A9%7E"


def test_a_file_that_is_continued_has_one_head():
    assert written([TATLIPO]) == written([]) + written([TATLIPO], begun=True)


@pytest.fixture(scope="module")
def sample(ecoli, tmp_path_factory):
    """Predictions of a proteome's sample and of each type, under strange names; their file."""
    known = list(peft_sp.load("fast", threads=1).predict(peft_sp.read_fasta(ecoli)))
    sequence, regions = "MKKTAIAIAVALAGFATVAQACAPKDNTW" * 3, (Region("n-region", 1, 5),)
    for number, declaration in enumerate(DECLARATIONS):
        header = f"{STRANGE.split(maxsplit=1)[0]}{number} {STRANGE}"
        chances = dict.fromkeys(known[0].probabilities, 0.0) | {declaration.name: 1.0}
        cut = (21, 1.0, regions) if declaration.cut_after else ()
        known.append(Prediction(Protein(header, sequence), declaration.name, chances, *cut))
    path = tmp_path_factory.mktemp("gff3") / "predictions.gff3"
    path.write_text(written([*known, TATLIPO, PILIN, NONE]), encoding="utf-8")
    return [p for p in (*known, TATLIPO, PILIN) if p.cleavage_site], path


def test_ids_are_unique_and_every_feature_is_within_its_sequence(sample):
    predictions, path = sample
    text = path.read_text()
    lengths = {escaped(p.id): len(p.protein.sequence) for p in predictions}
    regions = re.findall(r"^##sequence-region (\S+) 1 (\d+)$", text, re.MULTILINE)
    assert {name: int(end) for name, end in regions} == lengths and len(regions) == len(lengths)
    rows = [line.split("\t") for line in text.splitlines() if line[0] != "#"]
    ids = [re.match(r"ID=([^;]+);", row[8])[1] for row in rows]
    assert len(set(ids)) == len(ids) > 200
    for name, _, _, start, end, *_ in rows:
        assert 1 <= int(start) <= int(end) <= lengths[name]


def test_genometools_finds_it_valid(sample):
    _, path = sample
    for options in ((), ("-typecheck", "so")):
        command = [program("gt", package="genometools"), "gff3validator", *options, path]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout, run.stderr) == (0, "input is valid GFF3\n", "")


def test_bcbio_reads_it(sample):
    gff = pytest.importorskip("BCBio.GFF")
    predictions, path = sample
    with path.open(encoding="utf-8") as file:
        records = {record.id: record for record in gff.parse(file)}
    # It decodes what stands in attributes, and leaves names of sequences as they are.
    assert list(records) == [escaped(p.id) for p in predictions]
    for prediction in predictions:
        features = {f.type: f for f in records[escaped(prediction.id)].features}
        peptide = features["signal_peptide"]
        assert peptide.qualifiers["type"] == [prediction.type]
        assert str(peptide.location.extract(prediction.protein.sequence)) == (
            prediction.signal_peptide
        )
        mature = features["mature_protein_region"].location
        assert str(mature.extract(prediction.protein.sequence)) == prediction.mature
        inside = {"n-region", "h-region", "c-region"} & {r.name for r in prediction.regions}
        parts = {part.qualifiers["Name"][0] for part in peptide.sub_features}
        assert parts == inside - ({"h-region"} if prediction.type == "PILIN" else set())


def test_gffutils_reads_it(sample):
    gffutils = pytest.importorskip("gffutils")
    predictions, path = sample
    database = gffutils.create_db(str(path), ":memory:", merge_strategy="error")
    peptides = {f.attributes["ID"][0]: f for f in database.features_of_type("signal_peptide")}
    assert len(peptides) == len(predictions)
    for prediction, peptide in zip(predictions, peptides.values(), strict=True):
        assert (peptide.start, peptide.end) == (1, prediction.cleavage_site)
        assert peptide.attributes["type"] == [prediction.type]
        parts = list(database.children(peptide, order_by="start"))
        ends = itertools.pairwise((part.start, part.end) for part in parts)
        assert all(one[1] < other[0] for one, other in ends)
