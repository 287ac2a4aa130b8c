"""Genomes with genes whose coordinates were computed by hand.

The bacterial one is real (tests/data/genomes). The spliced one has the coding sequence of human
insulin, whose signal peptide has 24 residues, twice, with introns that were made up.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.paths import DATA

PLASMID = DATA / "genomes" / "plasmid.fna"
INSULIN = (
    "ATGGCCCTGTGGATGCGCCTCCTGCCCCTGCTGGCGCTGCTGGCCCTCTGGGGACCTGACCCAGCCGCAGCC"  # 24 codons
    "TTTGTGAACCAACACCTGTGCGGCTCACACCTGGTGGAAGCTCTCTACCTAGTGTGCGGGGAACGAGGCTTCTTCTACACACCC"
    "AAGACCCGCCGGGAGGCAGAGGACCTGCAGGTGGGGCAGGTGGAGCTGGGCGGGGGCCCTGGTGCAGGCAGCCTGCAGCCCTTG"
    "GCCCTGGAGGGGTCCCTGCAGAAGCGTGGCATTGTGGAACAATGCTGTACCAGCATCTGCTCCCTCTACCAGCTGGAGAACTAC"
    "TGCAACTAG"
)
PROTEIN = (
    "MALWMRLLPLLALLALWGPDPAAAFVNQHLCGSHLVEALYLVCGERGFFYTPKTRREAEDLQVGQVELGGGPGAGSLQPLALEGSLQ"
    "KRGIVEQCCTSICSLYQLENYCN"
)
# Forward: 10 bases before it, 15 codons in the first exon, an intron of 20 bases, the rest.
FORWARD = "T" * 10 + INSULIN[:45] + "GT" + "A" * 16 + "AG" + INSULIN[45:] + "T" * 7
# Reverse: 5 bases before it, 71 bases in the first exon, which splits codon 24, an intron of 30.
_READ = "T" * 5 + INSULIN[:71] + "GT" + "A" * 26 + "AG" + INSULIN[71:]
_READ += "C" * (400 - len(_READ))
REVERSE = _READ.translate(str.maketrans("ACGT", "TGCA"))[::-1]
PLASMID_GFF = (
    "##gff-version 3\n"
    "pPCP1_minus\tRefSeq\tgene\t99\t1037\t.\t-\t.\tID=gene-pla;locus_tag=YP_pPCP08\n"
    "pPCP1_minus\tRefSeq\tCDS\t99\t1037\t.\t-\t0\tID=cds-NP_995574.1;Parent=gene-pla;"
    "locus_tag=YP_pPCP08;product=outer membrane protease%2C omptin;protein_id=NP_995574.1;"
    "transl_table=11\n"
)
SPLICED_GFF = (
    "##gff-version 3\n"
    "##sequence-region chr1 1 370\n"
    "##sequence-region chr2 1 400\n"
    "chr1\thand\tgene\t11\t363\t.\t+\t.\tID=g1\n"
    "chr1\thand\tmRNA\t11\t363\t.\t+\t.\tID=t1;Parent=g1\n"
    "chr1\thand\texon\t11\t55\t.\t+\t.\tParent=t1\n"
    "chr1\thand\texon\t76\t363\t.\t+\t.\tParent=t1\n"
    "chr1\thand\tCDS\t11\t55\t.\t+\t0\tID=cds1;Parent=t1\n"
    "chr1\thand\tCDS\t76\t363\t.\t+\t0\tID=cds1;Parent=t1\n"
    "chr2\thand\tgene\t33\t395\t.\t-\t.\tID=g2\n"
    "chr2\thand\tmRNA\t33\t395\t.\t-\t.\tID=t2;Parent=g2\n"
    "chr2\thand\tCDS\t325\t395\t.\t-\t0\tID=cds2;Parent=t2\n"
    "chr2\thand\tCDS\t33\t294\t.\t-\t1\tID=cds2;Parent=t2\n"
)
# Where they lie on the genome.
SIGNAL = {"cds1": [(11, 55), (76, 102)], "cds2": [(294, 294), (325, 395)]}
MATURE = {"cds1": [(103, 360)], "cds2": [(36, 293)]}


def spliced(folder: Path) -> tuple[Path, Path]:
    """The GFF3 and the FASTA file of the spliced genome."""
    gff, genome = folder / "genes.gff3", folder / "genome.fna"
    gff.write_text(SPLICED_GFF)
    lines = (f">{name} made by hand\n{bases.lower()}\n" for name, bases in SEQUENCES.items())
    genome.write_text("".join(lines))
    return gff, genome


SEQUENCES = {"chr1": FORWARD, "chr2": REVERSE}


def plasmid(folder: Path) -> tuple[Path, Path]:
    """The GFF3 and the FASTA file of the bacterial genome."""
    gff = folder / "plasmid.gff3"
    gff.write_text(PLASMID_GFF)
    return gff, PLASMID
