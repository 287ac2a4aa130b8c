import gzip
from dataclasses import replace

import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.errors import InputError
from peft_sp.io.labelled import UNPARTITIONED
from peft_sp.io.labelled.uniprot import labelling
from peft_sp.io.labelled.uniprot.labelling import Remarks, Rules
from peft_sp.io.labelled.uniprot.reading import read_entries
from tests.support.uniprot import as_gff, as_table, as_text


@pytest.fixture
def files(tmp_path, request):
    proteins = request.getfixturevalue("labelled")
    features, fasta = as_gff(proteins)
    (tmp_path / "a.dat.gz").write_bytes(gzip.compress(as_text(proteins).encode()))
    (tmp_path / "a.tsv").write_text(as_table(proteins))
    (tmp_path / "a.gff").write_text(features)
    (tmp_path / "a.fasta").write_text(fasta)
    return tmp_path


@pytest.mark.parametrize("name", ["a.dat.gz", "a.tsv"])
def test_annotation_made_from_labels_gives_the_labels_again(files, labelled, name):
    """All six types, pilins and membrane proteins; of equal windows the first."""
    remarks = Remarks()
    entries = read_entries(str(files / name))
    found = list(labelling.labelled(entries, Rules(evidence="experimental"), remarks))
    reasons = {reason for _, reason in remarks.left_out}
    assert reasons <= {
        "ambiguous: a twin-arginine motif, but not annotated as Tat",
        "the first residues are those of an earlier protein",
        "the first residues are those of an earlier protein, which is labelled otherwise",
    }
    without = {accession for accession, _ in remarks.left_out}
    assert len(found) + len(without) == len(labelled) and len(without) < 20
    assert {p.type for p in found} == set(TYPES)
    expected = [p for p in labelled if p.accession not in without]
    assert found == [replace(p, partition=UNPARTITIONED) for p in expected]


def test_gff_needs_the_sequences(files):
    with pytest.raises(InputError, match="--fasta"):
        list(read_entries(str(files / "a.gff")))
    assert len(list(read_entries(str(files / "a.gff"), str(files / "a.fasta")))) > 300


def test_other_files_are_refused(files):
    with pytest.raises(InputError, match="FASTA has no annotation"):
        list(read_entries(str(files / "a.fasta")))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty; give UniProt's text"),
        (b"Entry,Sequence,Signal peptide\n", "separated by commas; save it as tab-separated text"),
        (b"Entry;Sequence;Signal peptide\n", "separated by semicolons; save it as tab-separated"),
        (b"<?xml version='1.0'?>", "XML or a web page, not a file of UniProt; fetch the file"),
        (b"LOCUS       SCU49845", "GenBank, not a file of UniProt; give UniProt's text"),
        (b"{\\rtf1", "not a file of UniProt; save it as tab-separated text"),
        (b"hello\n", "this is not a file of UniProt"),
    ],
)
def test_what_is_no_file_of_uniprot_is_said_in_its_words(tmp_path, content, problem):
    path = tmp_path / "in"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_entries(str(path)))
    assert problem in str(caught.value) and "FASTA" not in str(caught.value)


def test_a_directory_is_said_in_its_words(tmp_path):
    with pytest.raises(InputError, match=r"is a directory; give UniProt's text"):
        list(read_entries(str(tmp_path)))


@pytest.mark.parametrize("name", ["a.tsv", "a.gff"])
def test_a_file_that_ends_within_a_line_is_refused(files, name):
    path = files / name
    path.write_text(path.read_text().rstrip("\n"))
    with pytest.raises(InputError, match="the last line has no end; if the file is cut off"):
        list(read_entries(str(path), str(files / "a.fasta")))
