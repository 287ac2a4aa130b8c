import gzip
from dataclasses import replace

import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.errors import InputError
from peft_sp.io.labelled import UNPARTITIONED
from peft_sp.io.labelled.uniprot import labelling
from peft_sp.io.labelled.uniprot.labelling import LeftOut, Rules
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
    left_out = LeftOut()
    entries = read_entries(str(files / name))
    found = list(labelling.labelled(entries, Rules(evidence="experimental"), left_out))
    reasons = {reason for _, reason in left_out.proteins}
    assert reasons <= {
        "ambiguous: a twin-arginine motif, but not annotated as Tat",
        "the first residues are those of an earlier protein",
        "the first residues are those of an earlier protein, which is labelled otherwise",
    }
    without = {accession for accession, _ in left_out.proteins}
    assert len(found) + len(without) == len(labelled) and len(without) < 20
    assert {p.type for p in found} == set(TYPES)
    expected = [p for p in labelled if p.accession not in without]
    assert found == [replace(p, partition=UNPARTITIONED) for p in expected]


def test_gff_needs_the_sequences(files):
    with pytest.raises(InputError, match="--fasta"):
        list(read_entries(str(files / "a.gff")))
    assert len(list(read_entries(str(files / "a.gff"), str(files / "a.fasta")))) > 300


def test_other_files_are_refused(files):
    with pytest.raises(InputError, match="none of UniProt's text"):
        list(read_entries(str(files / "a.fasta")))
