"""Where residues lie on a genome: all coordinates here were computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_sp.biology.coding_sequence import CodingSequence
from tests.support.genomes import FORWARD, INSULIN, MATURE, REVERSE, SIGNAL


def coding(strand, *segments):
    one = CodingSequence("s", strand, 1)
    for segment in segments:
        one.add(*segment)
    return one


CASES = {
    "cds1": (coding("+", (11, 55, 0), (76, 363, 0)), FORWARD),
    # Files give the segments of the minus strand in either order.
    "cds2": (coding("-", (33, 294, 1), (325, 395, 0)), REVERSE),
}


@pytest.mark.parametrize("name", CASES)
def test_a_spliced_gene(name):
    gene, genome = CASES[name]
    assert gene.read(genome.lower().encode()) == INSULIN
    assert (gene.bases, gene.codons, gene.continues()) == (333, 111, True)
    assert gene.spans(1, 24) == SIGNAL[name]
    assert gene.spans(25, 110) == MATURE[name]


def test_a_codon_that_an_intron_splits_lies_in_two_spans():
    assert CASES["cds2"][0].spans(24, 24) == [(294, 294), (325, 326)]


def test_a_gene_that_begins_within_a_codon():
    gene = coding("+", (10, 20, 2))
    assert gene.read(b"n" * 9 + b"ggATGGCCTTT") == "ATGGCCTTT"
    assert (gene.codons, gene.spans(1, 1), gene.spans(2, 3)) == (3, [(12, 14)], [(15, 20)])
    back = coding("-", (10, 20, 2))
    assert back.spans(1, 1) == [(16, 18)]


def test_ribosomal_slippage_reads_a_base_twice_or_leaves_one_out():
    twice = coding("+", (1, 6, 0), (6, 11, 0))
    assert twice.read(b"ATGAAATTTCC") == "ATGAAAATTTCC"
    assert twice.spans(2, 3) == [(4, 6), (6, 8)] and twice.overlaps()
    left_out = coding("+", (1, 6, 0), (8, 13, 0))
    assert left_out.read(b"ATGAAATGGGCCC") == "ATGAAAGGGCCC"
    assert left_out.spans(2, 3) == [(4, 6), (8, 10)] and not left_out.overlaps()


def test_a_gene_across_the_origin_of_a_circular_sequence():
    gene = coding("+", (9, 14, 0))
    assert gene.read(b"CCCTGGGGAT", circular=True) == "ATCCCT"
    beyond = coding("+", (9, 10, 0), (12, 13, 1))
    assert beyond.read(b"CCCTGGGGAT", circular=True) == "ATCC"
    for circular, end in ((False, 11), (True, 21)):
        with pytest.raises(ValueError, match=f"ends at base {end} of 10"):
            coding("+", (9, end, 0)).read(b"CCCTGGGGAT", circular)


def test_phases_that_do_not_fit_are_noticed():
    assert not coding("+", (1, 5, 0), (11, 20, 0)).continues()
    assert coding("+", (1, 5, 0), (11, 20, 1)).continues()
    assert coding("+", (1, 5, 1), (11, 20, 2)).continues()


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1), st.data())
def test_residues_are_their_own_bases_on_either_strand(sizes, data):
    """Spans of all residues, one by one, are the bases from the first whole codon on."""
    strand, phase = data.draw(st.sampled_from("+-")), data.draw(st.integers(0, 2))
    gene, at = CodingSequence("s", strand, 1), 1
    for gap, size in sizes:
        gene.add(at + gap, at + gap + size - 1, phase)
        at += gap + size
    if gene.bases <= phase:
        return
    own = [b for left, right, _ in sorted(gene.segments) for b in range(left, right + 1)]
    own = (own if strand == "+" else own[::-1])[phase : phase + 3 * gene.codons]
    for residue in range(1, gene.codons + 1):
        spans = gene.spans(residue, residue)
        found = sorted(b for left, right in spans for b in range(left, right + 1))
        assert found == sorted(own[3 * residue - 3 : 3 * residue])
