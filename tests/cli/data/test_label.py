"""Labelled proteins from UniProt's files as a command."""

from __future__ import annotations

import pytest

from peft_sp.io.labelled import read_labelled
from tests.support.commands import peft_sp
from tests.support.paths import DATA
from tests.support.uniprot import as_gff

pytestmark = pytest.mark.integration

EXCERPT, OLD = DATA / "uniprot" / "excerpt.txt", DATA / "uniprot" / "excerpt_2009.txt"


def test_real_entries_become_labelled_proteins(tmp_path):
    path, without = tmp_path / "labelled.fasta", tmp_path / "without.tsv"
    code, output, errors = peft_sp("label", EXCERPT, OLD, "-o", path, "--left-out", without)
    assert (code, output) == (0, "")
    found = {p.accession: (p.organism, p.type, p.cleavage_site) for p in read_labelled(path)}
    assert found == {
        "P0CK95": ("NEGATIVE", "LIPO", 23),
        "P16235": ("EUKARYA", "SP", 26),
        "Q13454": ("EUKARYA", "SP", 41),
        "P00750": ("EUKARYA", "SP", 22),
        "P28799": ("EUKARYA", "SP", 17),
        "Q8NE62": ("EUKARYA", "NO_SP", None),
    }
    assert without.read_text().splitlines() == [
        "accession\treason",
        "P00981\ta fragment, whose start may be missing",
        "Q01436\tthe organism group is not known (give --organism)",
    ]
    assert errors.splitlines() == [
        "left out: 1: a fragment, whose start may be missing (P00981)",
        "left out: 1: the organism group is not known (give --organism) (Q01436)",
        "EUKARYA NO_SP: 1",
        "EUKARYA SP: 4",
        "NEGATIVE LIPO: 1",
        "6 of 8 proteins labelled",
    ]


def test_experiments_alone(tmp_path):
    """Of the real entries two signal peptides were seen; Q8NE62 is known from transcripts."""
    code, output, _ = peft_sp("label", EXCERPT, OLD, "--evidence", "experimental")
    accessions = [line[1:].split("|")[0] for line in output.splitlines() if line.startswith(">")]
    assert (code, accessions) == (0, ["P16235", "P00750"])


def test_gff_beside_fasta(labelled, tmp_path):
    features, fasta = as_gff(p for p in labelled if p.organism == "NEGATIVE")
    (tmp_path / "a.gff").write_text(features)
    (tmp_path / "a.fasta").write_text(fasta)
    code, output, _ = peft_sp(
        "label", tmp_path / "a.gff", "--fasta", tmp_path / "a.fasta", "--organism", "NEGATIVE"
    )
    assert code == 0 and output.count("|NEGATIVE|PILIN\n") > 2


def test_what_cannot_be_read_is_counted_and_named_and_never_a_protein_without_signal(tmp_path):
    head = "Entry\tReviewed\tTaxonomic lineage\tLength\tSequence\tSignal peptide\tLipidation"
    sequence = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYH"
    rows = [
        f"P{n}\treviewed\tBacteria\t{length}\t{sequence[:39]}{letter}\t{cell}\t\t\t"
        for n, letter, length, cell in (
            (1, "A", 40, "yes"),
            (2, "C", 40, " signal 1..21"),
            (3, "D", 346, "SIGNAL 1..21"),
            (4, "E", 40, "21"),
        )
    ]
    table = tmp_path / "a.tsv"
    table.write_text("\n".join([f"{head}\tTransmembrane\tPropeptide", *rows]) + "\n")
    code, output, errors = peft_sp("label", table, "--organism", "EUKARYA")
    assert code == 0 and output.startswith(">P2|EUKARYA|SP\n") and output.count(">") == 1
    assert errors.splitlines() == [
        "left out: 2: a cell Signal peptide that cannot be read (P1, P4)",
        "left out: 1: the sequence is not as long as the file says: is it cut off? (P3)",
        "warning: 1 of another organism group than EUKARYA, as their lineage or name says (P2)",
        "EUKARYA SP: 1",
        "1 of 4 proteins labelled",
    ]


def test_no_file_of_others_is_replaced_and_no_output_by_another(tmp_path):
    path, without = tmp_path / "a.fasta", tmp_path / "a.tsv"
    assert peft_sp("label", EXCERPT, "-o", path, "--left-out", without)[0] == 0
    before = path.read_bytes(), without.read_bytes()
    for arguments, problem in (
        (("-o", path), "a.fasta: is there already; choose another with -o, or pass --force"),
        (("--left-out", without), "a.tsv: is there already; choose another with --left-out"),
        (("-o", path, "--left-out", path, "--force"), "is what -o writes"),
    ):
        code, output, errors = peft_sp("label", EXCERPT, *arguments)
        assert (code, output) == (2, "") and errors.count("\n") == 1 and problem in errors
    assert before == (path.read_bytes(), without.read_bytes())
    assert peft_sp("label", OLD, "-o", path, "--force")[0] == 0
    assert path.read_bytes() != before[0]


def test_mistakes_are_one_line(labelled_file, tmp_path):
    table = tmp_path / "a.tsv"
    table.write_text("Entry\tSequence\n")
    cut_off = tmp_path / "cut_off.txt"
    cut_off.write_text(EXCERPT.read_text()[:4000])
    for file, problem in (
        (tmp_path / "none.txt", "no such file"),
        (labelled_file, "FASTA has no annotation; give UniProt's text"),
        (table, "lacks the columns Signal peptide, Lipidation"),
        (cut_off, "record 'P16235': the file ends within this entry; if the file is cut off"),
    ):
        code, output, errors = peft_sp("label", file, "-o", tmp_path / "out.fasta")
        assert (code, output) == (2, "") and errors.count("\n") == 1 and problem in errors
    assert not (tmp_path / "out.fasta").exists()
    for option in ("-o", "--left-out"):
        code, output, errors = peft_sp("label", cut_off, option, cut_off)
        assert (code, output) == (2, "") and errors.count("\n") == 1 and "cut_off.txt" in errors
    assert cut_off.stat().st_size == 4000
