"""Features on the genome, line by line."""

import io

from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.io.genomes.gff import read_genes
from peft_sp.io.writers.genome import GenomeWriter
from tests.support.genomes import PROTEIN, plasmid, spliced
from tests.support.predictions import by_type


def predicted(name, site, sequence=PROTEIN):
    return Prediction(Protein(name, sequence), "SP", by_type(0.1, 0.9), site, 0.8)


def written(genes, *predictions, begun=False):
    file = io.StringIO()
    writer = GenomeWriter(file, "PEFT-SP-1.2", genes, begun)
    for prediction in predictions:
        writer.write(prediction)
    return file.getvalue()


def genes_of(gff):
    genes = read_genes(str(gff))
    genes.of_protein = {coding.name: [coding] for coding in genes.coding}
    return genes


def test_the_features_of_spliced_genes(tmp_path):
    genes = genes_of(spliced(tmp_path)[0])
    text = written(genes, predicted("cds1", 24), predicted("cds2", 24))
    lines = [line.split("\t") for line in text.splitlines()]
    assert lines[0] == ["##gff-version 3"]
    # Sequence, term, place, score and strand; a codon of two exons lies in both.
    assert [(*line[0:1], *line[2:8]) for line in lines[1:]] == [
        ("chr1", "signal_peptide", "11", "55", "0.900000", "+", "."),
        ("chr1", "signal_peptide", "76", "102", "0.900000", "+", "."),
        ("chr1", "mature_protein_region", "103", "360", "0.800000", "+", "."),
        ("chr2", "signal_peptide", "294", "294", "0.900000", "-", "."),
        ("chr2", "signal_peptide", "325", "395", "0.900000", "-", "."),
        ("chr2", "mature_protein_region", "36", "293", "0.800000", "-", "."),
    ]
    attributes = [line[8] for line in lines[1:]]
    assert (
        attributes[0]
        == attributes[1]
        == (
            "ID=cds1.signal_peptide;Name=Signal Peptide (Sec/SPI);type=SP;pathway=Sec/SPI;"
            "cleavage_probability=0.800000;Derives_from=cds1;protein_id=cds1;"
            "inference=ab initio prediction:PEFT-SP:1.2"
        )
    )
    assert attributes[2].startswith("ID=cds1.mature_protein_region;Name=mature protein;Derives")


def test_a_gene_on_the_minus_strand_and_its_product(tmp_path):
    genes = genes_of(plasmid(tmp_path)[0])
    lines = written(genes, predicted("NP_995574.1", 20, "M" * 312)).splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    assert [row[2:7] for row in rows] == [
        ["signal_peptide", "978", "1037", "0.900000", "-"],
        ["mature_protein_region", "102", "977", "0.800000", "-"],
    ]
    assert "product=outer membrane protease%2C omptin;" in rows[1][8]


def test_control_characters_of_a_product_are_escaped(tmp_path):
    genes = genes_of(plasmid(tmp_path)[0])
    genes.coding[0].product = "red\x1b[31m\tend\x7f; 5%, α=β\n"
    (line, *_) = written(genes, predicted("NP_995574.1", 20, "M" * 312)).splitlines()[2:]
    assert ";product=red%1B[31m%09end%7F%3B 5%25%2C α%3Dβ%0A;" in line


def test_nothing_is_written_of_other_proteins(tmp_path):
    genes = genes_of(spliced(tmp_path)[0])
    none = Prediction(Protein("cds1", PROTEIN), "NO_SP", by_type(1.0))
    assert written(genes, none, predicted("unknown", 24)) == "##gff-version 3\n"
    assert written(genes, none, begun=True) == ""
    whole = written(genes, predicted("cds1", 110)).splitlines()
    assert not any("mature" in line for line in whole) and len(whole) == 3


def test_a_protein_of_two_loci_is_written_at_each(tmp_path):
    genes = genes_of(spliced(tmp_path)[0])
    genes.of_protein = {"insulin": genes.coding}
    lines = written(genes, predicted("insulin", 24)).splitlines()[1:]
    assert {line.split("\t")[8].split(";")[0] for line in lines} == {
        f"ID={name}.{term}"
        for name in ("cds1", "cds2")
        for term in ("signal_peptide", "mature_protein_region")
    }
    assert all("protein_id=insulin;" in line for line in lines)
