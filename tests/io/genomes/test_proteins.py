"""From coding sequences to proteins."""

from pathlib import Path

import pytest

from peft_sp.errors import InputError
from peft_sp.io.fasta import read_fasta
from peft_sp.io.genomes.gff import read_genes
from peft_sp.io.genomes.proteins import Remarks, match, translated
from tests.support.genomes import PROTEIN, plasmid, spliced


def cds(name, start, end, more="", strand="+", phase=0, sequence="c"):
    return f"{sequence}\tx\tCDS\t{start}\t{end}\t.\t{strand}\t{phase}\tID={name};{more}\n"


def proteins(tmp_path, lines, bases, code=11, skip=False):
    """Headers and sequences as they are translated, and what is remarked."""
    gff, genome = tmp_path / "genes.gff3", tmp_path / "genome.fna"
    gff.write_text("".join(lines))
    genome.write_text(f">other\nACGT\n>c\n{bases}\n")
    remarks = Remarks()
    with translated(read_genes(str(gff)), str(genome), code, remarks, skip) as path:
        records = Path(path).read_text().removeprefix(">").split("\n>")
    assert not Path(path).exists()
    return [tuple(record.strip().split("\n")) for record in records], remarks


def test_spliced_genes(tmp_path):
    gff, genome = spliced(tmp_path)
    genes = read_genes(str(gff))
    with translated(genes, str(genome), 1, Remarks()) as path:
        found = [(p.header, p.sequence) for p in read_fasta(path)]
    assert found == [("cds1", PROTEIN), ("cds2", PROTEIN)]
    assert {name: [c.length for c in own] for name, own in genes.of_protein.items()} == {
        "cds1": [110],
        "cds2": [110],
    }


def test_a_bacterial_gene_on_the_minus_strand(tmp_path):
    gff, genome = plasmid(tmp_path)
    with translated(read_genes(str(gff)), str(genome), 1, Remarks()) as path:
        (protein,) = read_fasta(path)
    assert protein.header == "NP_995574.1 outer membrane protease, omptin"
    assert (len(protein.sequence), protein.sequence[:20]) == (312, "MKKSSIVATIITILSGSANA")


def test_starts_codes_and_what_is_partial(tmp_path):
    lines = [
        *(cds("start", 1, 9), cds("table", 1, 9, "transl_table=1"), cds("four", 1, 12)),
        *(cds("within", 1, 9, phase=1), cds("edge", 1, 9, "partial=10"), cds("end", 1, 8)),
    ]
    found, remarks = proteins(tmp_path, lines, "GTGTGATGGTAA")
    assert found == [
        *(("start", "M*W"), ("table", "V*W"), ("four", "M*W")),
        *(("within, partial", "CD"), ("edge, partial", "V*W"), ("end", "M")),
    ]
    assert proteins(tmp_path, [cds("a", 1, 9)], "GTGTGATGG", code=4)[0] == [("a", "MWW")]
    assert (remarks.found, remarks.left_out, remarks.shifted) == (6, 0, 0)


def test_a_slip_of_the_ribosome_and_phases_that_do_not_fit(tmp_path):
    lines = [cds("slip", 1, 6), cds("slip", 6, 11), cds("odd", 1, 5), cds("odd", 6, 12)]
    found, remarks = proteins(tmp_path, lines, "ATGAAATTTCCC")
    assert found == [("slip", "MKIS"), ("odd", "MKFP")]
    assert remarks.shifted == 1
    assert remarks.first == f"{tmp_path / 'genes.gff3'}, line 3, record 'odd'"


TRANS = [cds("t", 1, 9), cds("t", 10, 12, strand="-"), cds("good", 1, 9)]
BAD = {
    "joined by trans-splicing": TRANS,
    "ends at base 13 of 12": [cds("good", 1, 9), cds("long", 10, 13)],
    "its sequence 'd' is not in .*, where 'other' is the first": [
        *(cds("good", 1, 9), cds("lost", 1, 9, sequence="d"))
    ],
    "the record has no residues": [cds("good", 1, 9), cds("short", 1, 2)],
}


@pytest.mark.parametrize("problem", BAD)
def test_what_cannot_be_translated_stops_or_is_left_out(tmp_path, problem):
    with pytest.raises(
        InputError, match=rf"genes\.gff3, line \d, record '\w+': .*{problem}.*--skip-invalid"
    ):
        proteins(tmp_path, BAD[problem], "ATGAAATTTCCC")
    found, remarks = proteins(tmp_path, BAD[problem], "ATGAAATTTCCC", skip=True)
    assert (found, remarks.left_out) == ([("good", "MKF")], 1)
    assert "skip-invalid" not in str(remarks.reasons[0])
    with pytest.raises(InputError, match="no CDS can be translated; of this one"):
        proteins(
            tmp_path,
            [line for line in BAD[problem] if "good" not in line],
            "ATGAAATTTCCC",
            skip=True,
        )


def test_a_genome_is_needed(tmp_path):
    gff, _ = spliced(tmp_path)
    with (
        pytest.raises(InputError, match="has genes but no sequences; give the genome with --fasta"),
        translated(read_genes(str(gff)), None, 1, Remarks()),
    ):
        pass


def test_a_genome_in_the_gff3_file(tmp_path):
    gff, genome = spliced(tmp_path)
    gff.write_text(f"{gff.read_text()}##FASTA\n{genome.read_text()}")
    with translated(read_genes(str(gff)), None, 1, Remarks()) as path:
        assert [p.sequence for p in read_fasta(path)] == [PROTEIN, PROTEIN]


def matched(tmp_path, lines, fasta, skip=False):
    gff, path = tmp_path / "genes.gff3", tmp_path / "proteins.faa"
    gff.write_text("".join(lines))
    path.write_text(fasta)
    genes, remarks = read_genes(str(gff)), Remarks()
    match(genes, str(path), remarks, skip)
    return {name: [c.name for c in own] for name, own in genes.of_protein.items()}, remarks


def test_proteins_are_found_by_any_name_that_programs_give_them(tmp_path):
    lines = [
        *(cds("cds-NP_1.1", 1, 12, "protein_id=NP_1.1"), cds("x", 1, 9, "locus_tag=b1")),
        *(cds("CDS:ENSP1", 1, 9, "Parent=transcript:ENST1"), cds("1_2", 1, 12)),
        *(cds("w1", 1, 9, "protein_id=WP_1"), cds("w2", 21, 32, "protein_id=WP_1")),
    ]
    fasta = "".join(
        f">{name}\nMKK\n" for name in ("NP_1.1", "b1", "ENSP1.4 pep", "c_2 # 1 # 12", "WP_1")
    )
    assert matched(tmp_path, lines, fasta)[0] == {
        "NP_1.1": ["NP_1.1"],
        "b1": ["x"],
        "ENSP1.4": ["ENSP1"],
        "c_2": ["1_2"],
        "WP_1": ["WP_1", "WP_1_2"],
    }


def test_a_protein_that_fits_no_cds_is_refused_or_remarked(tmp_path):
    lines = [cds("a", 1, 12)]
    for fasta, problem in (
        (">b\nMKK\n", "record 'b': no CDS has this protein_id"),
        (">a\nMKKKKK\n", "record 'a': has 6 residues, but its CDS in line 1 has 4 codons"),
        (">a\nMKK\n>a\nMKK\n", "line 3, record 'a': stands more than once"),
    ):
        with pytest.raises(InputError, match=problem):
            matched(tmp_path, lines, fasta)
    found, remarks = matched(tmp_path, lines, ">b\nMKK\n>a\nMKK\n", skip=True)
    assert (found, remarks.left_out) == ({"a": ["a"]}, 1)
    with pytest.raises(InputError, match="none of its proteins has a CDS"):
        matched(tmp_path, lines, ">b\nMKK\n", skip=True)
