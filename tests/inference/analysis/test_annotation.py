"""Signal peptides of whole genomes, as other programs read them."""

from __future__ import annotations

import subprocess
from collections import defaultdict

import pytest

import peft_sp
from peft_sp.errors import OptionError, OutputError
from peft_sp.inference.analysis.annotation import annotate_run
from peft_sp.inference.run import RunOptions
from tests.support.genomes import MATURE, PLASMID, PROTEIN, SEQUENCES, SIGNAL, plasmid, spliced
from tests.support.programs import program


@pytest.fixture(scope="module")
def predictor():
    return peft_sp.load("fast", threads=1)


@pytest.fixture(scope="module")
def annotated(tmp_path_factory, predictor):
    """What was read and written of the spliced genome and of the bacterial one."""
    made = {}
    for name, make, organism in (("spliced", spliced, "eukarya"), ("plasmid", plasmid, "other")):
        folder = tmp_path_factory.mktemp(name)
        gff, genome = make(folder)
        options = RunOptions(model=predictor, organism=organism)
        run, remarks = annotate_run(gff, folder / "out", options, fasta=genome)
        assert "genome.gff3" in run.files and remarks.found == run.count
        made[name] = gff, folder / "out" / "genome.gff3"
    return made


def placed(path):
    """Where each feature lies, by term and the CDS that it derives from."""
    found = defaultdict(list)
    for line in path.read_text().splitlines()[1:]:
        cells = line.split("\t")
        attributes = dict(part.split("=", 1) for part in cells[8].split(";"))
        found[cells[2], attributes["Derives_from"]].append((int(cells[3]), int(cells[4])))
    return dict(found)


def test_features_lie_where_they_were_computed_by_hand(annotated):
    assert placed(annotated["spliced"][1]) == {
        **{("signal_peptide", name): spans for name, spans in SIGNAL.items()},
        **{("mature_protein_region", name): spans for name, spans in MATURE.items()},
    }
    assert placed(annotated["plasmid"][1]) == {
        ("signal_peptide", "cds-NP_995574.1"): [(978, 1037)],
        ("mature_protein_region", "cds-NP_995574.1"): [(102, 977)],
    }


@pytest.mark.parametrize("name", ["spliced", "plasmid"])
def test_genometools_finds_it_valid_alone_and_with_its_genome(annotated, tmp_path, name):
    gff, path = annotated[name]
    both = tmp_path / "both.gff3"
    both.write_text(gff.read_text() + path.read_text().partition("\n")[2])
    for file in (path, both):
        command = [program("gt", package="genometools"), "gff3validator", "-typecheck", "so", file]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (0, "input is valid GFF3\n"), run.stderr


def test_gffutils_and_biopython_cut_the_peptides_out_of_the_genome(annotated):
    gffutils, seq = pytest.importorskip("gffutils"), pytest.importorskip("Bio.Seq")
    path = str(annotated["spliced"][1])
    database = gffutils.create_db(path, ":memory:", merge_strategy="create_unique")
    parts = defaultdict(list)
    for feature in database.all_features(order_by="start"):
        key = feature.featuretype, feature.seqid, feature.strand
        parts[key].append(SEQUENCES[feature.seqid][feature.start - 1 : feature.end])
    found = {}
    for (term, name, strand), pieces in parts.items():
        bases = seq.Seq("".join(pieces))
        found[term, name] = str(
            (bases if strand == "+" else bases.reverse_complement()).translate()
        )
    assert found == {
        **{("signal_peptide", name): PROTEIN[:24] for name in SEQUENCES},
        **{("mature_protein_region", name): PROTEIN[24:] for name in SEQUENCES},
    }


def test_bcbio_joins_the_segments(annotated):
    gff = pytest.importorskip("BCBio.GFF")
    with annotated["spliced"][1].open() as file:
        records = {record.id: record.features for record in gff.parse(file)}
    for name, features in records.items():
        signal = [f for f in features if f.type == "signal_peptide"]
        cut = "".join(
            str(f.location.extract(SEQUENCES[name]))
            for f in (signal if name == "chr1" else signal[::-1])
        )
        assert len({f.qualifiers["ID"][0] for f in signal}) == 1
        assert pytest.importorskip("Bio.Seq").translate(cut) == PROTEIN[:24]


def test_given_proteins_give_the_same_places(annotated, tmp_path, predictor):
    gff, path = annotated["spliced"]
    proteins = tmp_path / "proteins.faa"
    proteins.write_text(f">t1 first\n{PROTEIN}\n>cds2\n{PROTEIN}\n")
    options = RunOptions(model=predictor, organism="eukarya")
    run, _ = annotate_run(gff, tmp_path / "out", options, proteins=proteins)
    assert run.source == str(proteins)
    assert placed(tmp_path / "out" / "genome.gff3") == placed(path)


def test_the_code_follows_the_organism_or_is_given(tmp_path, predictor):
    """GTG begins a protein of bacteria, and TGA ends none of mycoplasmas'."""
    gff, genome = tmp_path / "genes.gff3", tmp_path / "genome.fna"
    gff.write_text("c\tx\tCDS\t1\t15\t.\t+\t0\tID=a\n")
    genome.write_text(">c\nGTGTGAAAATTTCCC\n")

    def first(**options):
        code = options.pop("code", None)
        options = RunOptions(model=predictor, force=True, fasta=True, **options)
        annotate_run(gff, tmp_path / "out", options, fasta=genome, code=code)
        return (tmp_path / "out" / "no_signal_peptide.fasta").read_text().split("\n")[1]

    assert first(organism="other") == "MXKFP"
    assert first(organism="eukarya") == "VXKFP"
    assert first(organism="auto", code=4) == "MWKFP"
    with pytest.raises(OptionError, match=r"the genetic code is one of 1, 2, .*, not 7"):
        first(code=7)


def test_what_was_read_is_not_replaced(tmp_path, predictor):
    gff, genome = spliced(tmp_path)
    target = tmp_path / "genome.gff3"
    gff.rename(target)
    options = RunOptions(model=predictor, force=True)
    with pytest.raises(OutputError, match="is the input and would be replaced"):
        annotate_run(target, tmp_path, options, fasta=genome)
    with pytest.raises(OptionError, match="or its proteins, not both"):
        annotate_run(target, tmp_path, options, fasta=genome, proteins=PLASMID)
