import pytest

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot import flat, gff
from tests.support.uniprot import as_gff, as_text


def test_gff_and_fasta_say_what_the_text_says(labelled):
    features, fasta = as_gff(labelled)
    found = list(gff.read(features.splitlines(), "gff", fasta.splitlines()))
    for one, other in zip(found, flat.read(as_text(labelled).splitlines(), "text"), strict=True):
        assert (one.accession, one.sequence) == (other.accession, other.sequence)
        assert (one.reviewed, one.existence) == (True, 1)
        # The lineage is not there: of organisms that are no eukaryotes the group is open.
        assert one.group == (other.group if other.group == "EUKARYA" else None)
        kinds = [(f.kind, f.start, f.end, f.note) for f in one.features]
        assert kinds == [(f.kind, f.start, f.end, f.note) for f in other.features]
        assert {code for f in one.features for code in f.evidence} <= {"ECO:0000269"}


def test_mistakes():
    with pytest.raises(InputError, match="nine columns") as caught:
        list(gff.read(["##gff-version 3", "P1\tUniProtKB\tSignal peptide\t1\t2"], "gff", []))
    assert caught.value.line == 2
    line = "P1\tUniProtKB\tSignal peptide\t1\t22\t.\t.\t.\tNote=x%3B y"
    with pytest.raises(InputError, match="features of 1 proteins that the FASTA file lacks, 'P1'"):
        list(gff.read([line], "gff", [">sp|P2|X", "MK"]))
    (entry,) = gff.read([line], "gff", [">tr|P1|X a (Fragment) OS=Homo sapiens PE=4", "mk"])
    assert entry.features[0].note == "x; y" and entry.sequence == "MK"
    assert (entry.fragment, entry.reviewed, entry.existence) == (True, False, 4)
