import pytest

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot import flat, gff
from tests.support.uniprot import as_gff, as_text


def test_gff_and_fasta_say_what_the_text_says(labelled):
    features, fasta = as_gff(labelled)
    found = list(gff.read(features.splitlines(), "gff", fasta.splitlines(), "fasta"))
    for one, other in zip(found, flat.read(as_text(labelled).splitlines(), "text"), strict=True):
        assert (one.accession, one.sequence) == (other.accession, other.sequence)
        assert (one.reviewed, one.existence) == (True, 1)
        # The lineage is not there: of organisms that are no eukaryotes the group is open.
        assert one.group == (other.group if other.group == "EUKARYA" else None)
        kinds = [(f.kind, f.start, f.end, f.note) for f in one.features]
        assert kinds == [(f.kind, f.start, f.end, f.note) for f in other.features]
        assert {code for f in one.features for code in f.evidence} <= {"ECO:0000269"}


SIGNAL = "P1\tUniProtKB\tSignal peptide\t1\t2\t.\t.\t.\tNote=x%3B y"
REGION = "##sequence-region P1 1 2"


def read(*lines, fasta=(">tr|P1|X a (Fragment) OS=Homo sapiens PE=4", "mk")):
    return list(gff.read(["##gff-version 3", *lines], "a.gff", fasta, "a.fasta"))


def test_a_protein_with_all_that_is_known_of_it():
    (entry,) = read(REGION, SIGNAL)
    assert entry.features[0].note == "x; y" and entry.sequence == "MK"
    assert (entry.fragment, entry.reviewed, entry.existence) == (True, False, 4)
    assert (entry.length, entry.unreadable) == (2, "")


def test_unknown_positions_and_types():
    (entry,) = read(REGION, SIGNAL.replace("\t2\t", "\t.\t"))
    assert (entry.features[0].end, entry.features[0].exact) == (None, False)
    (entry,) = read(REGION, SIGNAL.replace("Signal peptide", "Beta strand"))
    assert (entry.features, entry.unreadable) == ((), "")
    for line, feature in (
        (SIGNAL.replace("Signal peptide", "Signal"), "an unknown feature Signal"),
        (SIGNAL.replace("\t2\t", "\t2x\t"), "a feature Signal peptide"),
    ):
        (entry,) = read(REGION, line)
        assert entry.unreadable == f"{feature} that cannot be read"


@pytest.mark.parametrize(
    ("lines", "fasta", "problem"),
    [
        ([SIGNAL[:30]], [], "a.gff, line 2, record 'P1': a line of GFF has nine columns"),
        ([REGION], [">sp|P2|X", "MK"], "a.gff, record 'P2': has no line '##sequence-region P2'"),
        ([REGION], [], "features of 1 protein that the FASTA file lacks, 'P1' the first"),
        ([REGION], [">", "MK"], "a.fasta, line 1: this protein has no accession"),
        (
            [SIGNAL.replace("UniProtKB", "PEFT-SP-0.1.0")],
            [],
            "line 2, record 'P1': the source 'PEFT-SP-0.1.0' is not UniProt",
        ),
    ],
)
def test_mistakes(lines, fasta, problem):
    with pytest.raises(InputError) as caught:
        read(*lines, fasta=fasta)
    assert problem in str(caught.value)
