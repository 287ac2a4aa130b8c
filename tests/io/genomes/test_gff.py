"""Coding sequences in GFF3 files as various programs write them."""

import gzip

import pytest

from peft_sp.errors import InputError
from peft_sp.io.genomes.gff import TRANS_SPLICED, read_genes
from tests.support.genomes import SPLICED_GFF


def read(tmp_path, *lines, head="##gff-version 3\n"):
    path = tmp_path / "genes.gff3"
    path.write_text(head + "".join(f"{line}\n" for line in lines))
    return read_genes(str(path))


def cds(start, end, attributes, strand="+", phase="0", sequence="c"):
    return f"{sequence}\tx\tCDS\t{start}\t{end}\t.\t{strand}\t{phase}\t{attributes}"


def shape(genes):
    return [(c.name, c.line, c.segments) for c in genes.coding]


def test_segments_of_one_id(tmp_path):
    path = tmp_path / "genes.gff3.gz"
    path.write_bytes(gzip.compress(SPLICED_GFF.replace("\n", "\r\n").encode()))
    genes = read_genes(str(path))
    assert shape(genes) == [
        ("cds1", 8, [(11, 55, 0), (76, 363, 0)]),
        ("cds2", 12, [(325, 395, 0), (33, 294, 1)]),
    ]
    assert [(c.sequence, c.strand, c.id, c.parent) for c in genes.coding] == [
        ("chr1", "+", "cds1", "t1"),
        ("chr2", "-", "cds2", "t2"),
    ]


def test_segments_with_ids_of_their_own_or_none_are_joined_by_their_parent(tmp_path):
    """As Augustus and as some other gene finders write them."""
    genes = read(
        tmp_path,
        *(cds(1, 9, "ID=g1.t1.CDS1;Parent=g1.t1"), cds(20, 28, "ID=g1.t1.CDS2;Parent=g1.t1")),
        *(cds(1, 9, "Parent=g2.t1"), cds(20, 28, "Parent=g2.t1")),
    )
    both = [(1, 9, 0), (20, 28, 0)]
    assert shape(genes) == [("g1.t1", 2, both), ("g2.t1", 4, both)]


def test_a_segment_of_several_transcripts_is_in_each(tmp_path):
    """As FlyBase writes them."""
    genes = read(tmp_path, cds(1, 9, "ID=a:1;Parent=t1,t2"), cds(20, 28, "ID=a:2;Parent=t2"))
    assert shape(genes) == [("a:1", 2, [(1, 9, 0)]), ("t2", 2, [(1, 9, 0), (20, 28, 0)])]


def test_readings_of_one_gene_stay_apart(tmp_path):
    """As NCBI writes dnaX, whose second product comes of a slip of the ribosome."""
    genes = read(
        tmp_path,
        cds(1, 90, "ID=cds-A;Parent=gene-x;protein_id=A.1"),
        cds(1, 30, "ID=cds-B;Parent=gene-x;protein_id=B.1;exception=ribosomal slippage"),
        cds(30, 44, "ID=cds-B;Parent=gene-x;protein_id=B.1;exception=ribosomal slippage"),
        *(cds(1, 9, "ID=p;Parent=t"), cds(4, 12, "ID=q;Parent=t")),
    )
    assert shape(genes) == [
        ("A.1", 2, [(1, 90, 0)]),
        ("B.1", 3, [(1, 30, 0), (30, 44, 0)]),
        ("p", 5, [(1, 9, 0)]),
        ("q", 6, [(4, 12, 0)]),
    ]
    assert not any(c.left_out for c in genes.coding)


def test_names_are_those_of_proteins_and_stand_once(tmp_path):
    genes = read(
        tmp_path,
        cds(1, 9, "ID=cds-WP_1.1;protein_id=WP_1.1"),
        cds(11, 19, "ID=cds-WP_1.1-2;protein_id=WP_1.1;product=a%3Bb%2C c"),
        cds(21, 29, "ID=CDS:ENSP1;Parent=transcript:ENST1"),
        *(cds(31, 39, "locus_tag=b 1"), cds(41, 49, "Note=x"), cds(51, 59, "Note=x")),
    )
    names = [c.name for c in genes.coding]
    assert names == ["WP_1.1", "WP_1.1_2", "ENSP1", "b_1", "c_line_6", "c_line_7"]
    assert genes.coding[1].product == "a;b, c"


@pytest.mark.parametrize(
    ("strand", "attributes", "incomplete"),
    [
        ("+", "ID=a;partial=true;start_range=.,1", True),
        ("-", "ID=a;partial=true;start_range=.,1", False),
        ("-", "ID=a;partial=true;end_range=9,.", True),
        ("+", "ID=1_1;partial=10", True),
        ("-", "ID=1_1;partial=10", False),
        ("-", "ID=1_1;partial=01", True),
        ("+", "ID=1_1;partial=00", False),
    ],
)
def test_whether_the_beginning_is_missing(tmp_path, strand, attributes, incomplete):
    (coding,) = read(tmp_path, cds(1, 9, attributes, strand)).coding
    assert coding.incomplete == incomplete


def test_pseudogenes_and_what_is_spliced_from_several_transcripts(tmp_path):
    genes = read(
        tmp_path,
        cds(1, 9, "ID=a;pseudo=true"),
        cds(1, 9, "ID=b;Parent=g"),
        cds(91, 99, "ID=b;Parent=g", "-"),
        cds(1, 9, "ID=c;exception=trans-splicing"),
        cds(1, 9, "ID=d;transl_table=4"),
    )
    assert genes.pseudogenes == 1
    assert [(c.id, c.left_out, c.code) for c in genes.coding] == [
        *(("b", TRANS_SPLICED, 0), ("c", TRANS_SPLICED, 0), ("d", "", 4))
    ]


def test_circular_sequences_and_a_genome_at_the_end(tmp_path):
    genes = read(
        tmp_path,
        "p%201\tx\tregion\t1\t99\t.\t+\t.\tID=r;Is_circular=true",
        *(cds(1, 9, "ID=a"), "##FASTA", ">p 1", "ATGAAATAA"),
    )
    assert (genes.circular, genes.sequences_at) == ({"p 1"}, 4)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (cds(9, 1, "ID=a"), "line 2: a CDS from 9 to 1 has no bases"),
        (cds("x", 9, "ID=a"), "line 2: start, end or phase of a CDS is no number"),
        (cds(1, 9, "ID=a", "."), r"line 2: the strand of a CDS is \+ or -, not '\.'"),
        (cds(1, 9, "ID=a", "+", 3), "line 2: the phase of a CDS is 0, 1 or 2, not 3"),
        (cds(1, 9, "ID=a;transl_table=99"), "line 2: transl_table=99 is none of NCBI's"),
        (cds(1, 9, 'gene_id "a"; transcript_id "b"'), "line 2: this looks like GTF.*gffread"),
        (cds(1, 9, "ID=a").rpartition("\t")[0], "line 2: a line of GFF3 has nine columns.* has 8"),
        ("MKKTAIAIAV", "line 2: a line of GFF3 has nine columns, apart by tabs"),
        ("c\tx\tgene\t1\t9\t.\t+\t.\tID=g", "has no CDS of a protein; give the GFF3 file"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, line, problem):
    with pytest.raises(InputError, match=problem):
        read(tmp_path, line)


def test_another_file_is_named(tmp_path):
    path = tmp_path / "x.gff3"
    path.write_text("LOCUS  x")
    with pytest.raises(InputError, match="looks like GenBank, not GFF3; give its annotation"):
        read_genes(str(path))
    path.write_text(">a\nMKK\n")
    with pytest.raises(InputError, match="has no CDS"):
        read_genes(str(path))
