"""What speaks against a prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peft_sp.biology import notes
from peft_sp.biology.organism import Organism
from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.io.fasta import open_input
from tests.support.predictions import by_type

SEQUENCE = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
ANCHOR = "MSKRLLIVLLVAVLLVGLLAVLAISLYRSKKPDNNESTKDEQRKTPEEW"
"""A stretch of 20 residues that no polar one interrupts."""


def notes_of(header="p", sequence=SEQUENCE, site=21, p_none=0.05, named=None, **about):
    kind = "SP" if site else "NO_SP"
    made = Prediction(Protein(header, sequence), kind, by_type(p_none, 1 - p_none), site, **about)
    return notes.notes_on(made, named)


def test_nothing_speaks_against_a_good_one():
    assert notes_of() == notes_of(named=Organism.OTHER) == ()


def test_a_protein_without_its_beginning():
    assert notes_of(sequence=SEQUENCE[1:]) == (notes.NOT_M,)
    assert notes_of(sequence=SEQUENCE[1:], site=None) == (notes.NOT_M,)


@pytest.mark.parametrize(
    ("header", "partial"),
    [
        ("WP_1.1 hypothetical protein, partial [Escherichia coli]", True),
        ("WP_1.1 hypothetical protein, partial", True),
        ("WP_1.1 hypothetical protein, partial (plasmid) [Escherichia coli]", True),
        ("PF3 gene_product=rifin, partial | length=9", True),
        ("XP_1.1 rifin, fragment [Plasmodium falciparum 3D7]", True),
        ("XP_1.1 chitinase precursor fragment, truncated", True),
        ("XP_001347563.1 partial CSTF domain-containing protein, putative", False),
        ("AAA1 partial cds", False),
        ("X1 antigen, partial homologue of rifin [Plasmodium falciparum]", False),
        ("X1 fragment crystallizable receptor, putative", False),
        ("tr|A|A_X Protein (Fragment) OS=Homo sapiens", True),
        ("tr|A|A_X Protein (Fragments) OS=Homo sapiens", True),
        ("g1.p1 type:5prime_partial gc:universal", True),
        ("g1.p1 ORF type:internal len:90", True),
        ("c1_1 # 2 # 181 # 1 # ID=1_1;partial=10;start_type=Edge;rbs_motif=None", True),
        ("c1_2 # 200 # 401 # 1 # ID=1_2;partial=00;start_type=ATG;rbs_motif=None", False),
        ("c1_9 # 900 # 999 # 1 # ID=1_9;partial=01;start_type=ATG;rbs_motif=None", False),
        ("g1.p1 type:3prime_partial gc:universal", False),
        ("g1.p1 type:complete", False),
        ("sp|P1|X Impartial fragmentation factor OS=Homo sapiens", False),
    ],
)
def test_headers_that_say_that_the_beginning_may_be_missing(header, partial):
    assert notes_of(header) == ((notes.PARTIAL,) if partial else ())


def test_a_signal_peptide_that_leaves_next_to_nothing():
    assert notes_of(sequence=SEQUENCE[:30]) == (notes.LITTLE_LEFT,)
    assert notes_of(sequence=SEQUENCE[:31]) == ()
    assert notes_of(sequence=SEQUENCE[:22], site=None) == ()


def test_a_doubtful_signal_peptide_that_could_span_a_membrane():
    assert notes_of(sequence=ANCHOR, p_none=0.2) == (notes.ANCHOR,)
    assert notes_of(sequence=ANCHOR, p_none=0.19) == ()
    assert notes_of(sequence=ANCHOR, p_none=0.6, site=None) == ()
    # A short h-region spans no membrane.
    assert notes_of(sequence="MKRSNDSLLALVLAASQAQ" + SEQUENCE[21:], site=19, p_none=0.3) == ()


def test_an_organism_that_the_header_contradicts():
    assert notes_of(named=Organism.EUKARYA) == (notes.OF_ANOTHER[Organism.OTHER],)
    assert notes_of(named=Organism.OTHER, organism="eukarya") == (
        notes.OF_ANOTHER[Organism.EUKARYA],
    )
    assert notes_of(named=Organism.EUKARYA, organism="eukarya") == ()
    assert notes_of(undecided=True) == (notes.UNDECIDED,)


def test_notes_stand_in_the_order_of_the_protein_first():
    found = notes_of("x (Fragment)", SEQUENCE[1:25], named=Organism.EUKARYA)
    expected = (notes.OF_ANOTHER["other"], notes.NOT_M, notes.PARTIAL, notes.LITTLE_LEFT)
    assert found == expected
    made = Prediction(Protein("p", "M", ("1 gap(s) removed",)), "NO_SP", by_type(1.0))
    assert replace(made, notes=found).warnings == ("1 gap(s) removed", *expected)


def test_kinds_of_warnings_are_the_notes_and_what_was_changed():
    protein = Protein("p", SEQUENCE)
    changed = replace(protein, warnings=("1 J read as X", "2 gap(s) removed"))
    found = [
        notes.warning_kinds(Prediction(one, "NO_SP", by_type(0.9, 0.1), notes=noted))
        for one in (protein, changed)
        for noted in ((), (notes.NOT_M, notes.PARTIAL))
    ]
    both = (notes.NOT_M, notes.PARTIAL)
    assert found == [(), both, (notes.CHANGED,), (*both, notes.CHANGED)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (">a\n>a\nMKT\n", (notes.RENAMED,)),
        (">a\n>#a\nMKT-J\n", (notes.HEADER_CHANGED, notes.CHANGED, notes.RENAMED)),
        (">a\n>b\x1b\n#x\nMKT\n", (notes.HEADER_CHANGED, notes.COMMENTS)),
        (">a\n>b\n" + "X" * 9, (notes.MOSTLY_UNKNOWN,)),
        (">a\n>b\n" + "ACGT" * 9, (notes.LIKE_NUCLEOTIDES,)),
    ],
)
def test_each_warning_of_a_reader_has_its_kind(text, kinds, tmp_path):
    path = tmp_path / "in.faa"
    path.write_text(text.replace("\n", "\nMKTAYIAKQRQISFVKSHFSRQ\n", 1))
    with open_input([path]) as source:
        source.survey()
        first, second = source.proteins()
    assert not first.warnings
    assert notes.warning_kinds(Prediction(second, "NO_SP", by_type(0.9, 0.1))) == kinds
