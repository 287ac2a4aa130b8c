"""The sequences of a genome, one at a time."""

import gzip

import pytest

from peft_sp.errors import InputError
from peft_sp.io.genomes.sequences import read_sequences


def test_wanted_sequences_have_their_bases(tmp_path):
    path = tmp_path / "genome.fna.gz"
    path.write_bytes(gzip.compress(b";\n>a 1\r\nACGT\r\nacgtn\r\n\r\n>b\nAC GT\n>c\n>d two\nNNN"))
    found = list(read_sequences(str(path), {"a", "c", "d"}))
    assert found == [("a", b"ACGTacgtn"), ("b", None), ("c", b""), ("d", b"NNN")]


def test_a_genome_behind_the_genes(tmp_path):
    path = tmp_path / "prokka.gff"
    path.write_text("##gff-version 3\nc\tx\n##FASTA\n>c\nACGT\n")
    assert list(read_sequences(str(path), {"c"}, behind=3)) == [("c", b"ACGT")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file has no sequences; give the FASTA file of the genome"),
        ("ACGT\n", "line 1: not FASTA: text stands before any header"),
        (">c\nMKKTAIAIAVE\n", "record 'c': these are amino acids.*with --proteins"),
        ("##gff-version 3\n", "looks like GFF, not FASTA; give its sequences as FASTA"),
    ],
)
def test_what_is_no_genome_is_refused(tmp_path, text, problem):
    path = tmp_path / "genome.fna"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        list(read_sequences(str(path), {"c"}))
