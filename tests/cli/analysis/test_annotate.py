"""The command that finds the signal peptides of a genome."""

import pytest

from tests.support.commands import ALL_FILES, peft_sp, rows
from tests.support.genomes import plasmid, spliced

pytestmark = pytest.mark.integration


def test_a_genome(tmp_path):
    gff, genome = plasmid(tmp_path)
    out = tmp_path / "out"
    code, output, errors = peft_sp("annotate", "--gff", gff, "--fasta", genome, "-o", out)
    assert (code, errors) == (0, "")
    assert "1 protein, model fast, organism other" in output and "  genome.gff3\n" in output
    assert {path.name for path in out.iterdir()} == ALL_FILES | {"genome.gff3"}
    assert rows(out / "predictions.tsv")[0]["cleavage_site"] == "20"
    assert "\tsignal_peptide\t978\t1037\t" in (out / "genome.gff3").read_text()


def test_what_is_left_out_is_told(tmp_path):
    gff, genome = spliced(tmp_path)
    gff.write_text(
        gff.read_text()
        + "chr1\tx\tCDS\t1\t9\t.\t+\t0\tID=p;pseudo=true\n"
        + "chr9\tx\tCDS\t1\t9\t.\t+\t0\tID=lost\n"
        + "chr1\tx\tCDS\t11\t17\t.\t+\t0\tID=odd\nchr1\tx\tCDS\t20\t28\t.\t+\t0\tID=odd\n"
    )
    command = ("annotate", "--gff", gff, "--fasta", genome, "-o", tmp_path / "out")
    code, output, errors = peft_sp(*command)
    problem = f"its sequence 'chr9' is not in {genome}, where 'chr1' is the first; give the FASTA"
    assert (code, output) == (2, "") and not (tmp_path / "out").exists()
    assert errors == (
        f"peft-sp: {gff}, line 15, record 'lost': {problem} file of the same assembly; "
        "--skip-invalid leaves out what is wrong\n"
    )
    code, output, errors = peft_sp(*command, "--skip-invalid", "--organism", "eukarya")
    assert code == 0 and "3 proteins" in output
    assert errors.splitlines()[-4:] == [
        "peft-sp: CDS of pseudogenes, which were left out: 1",
        "peft-sp: 1 CDS with phases that do not fit the segments, which were read as they are "
        f"joined; the first: {gff}, line 16, record 'odd'",
        f"peft-sp: left out: {gff}, line 15, record 'lost': {problem} file of the same assembly",
        "peft-sp: left out: 1",
    ]


def test_usage(tmp_path):
    gff, genome = spliced(tmp_path)
    for more, problem in (
        (("--fasta", genome, "--proteins", genome), "--fasta and --proteins exclude each other"),
        (("--fasta", genome, "--code", 7), "the genetic code is one of 1, 2"),
        ((), "has genes but no sequences; give the genome with --fasta, or its proteins"),
        (("--proteins", genome), "these are nucleotides"),
    ):
        code, output, errors = peft_sp("annotate", "--gff", gff, *more, "-o", tmp_path / "out")
        assert (code, output) == (2, "") and problem in errors and errors.count("\n") == 1
    assert "peft-sp annotate --gff genome.gff3 --fasta genome.fna" in " ".join(
        peft_sp("annotate", "--help")[1].split()
    )
