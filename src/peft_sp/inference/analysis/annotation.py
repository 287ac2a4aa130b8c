"""Signal peptides of a whole genome: from GFF3 and FASTA to features of the genome."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace

from peft_sp.biology.genetic_code import CODES
from peft_sp.biology.organism import Organism, OrganismChoice, parse_choice
from peft_sp.errors import OptionError
from peft_sp.inference.run import RunInfo, predict_run
from peft_sp.inference.run_options import Notice, Progress, RunOptions
from peft_sp.io.genomes.gff import read_genes
from peft_sp.io.genomes.proteins import Remarks, match, translated

_CODE_OF: dict[OrganismChoice, int] = {Organism.EUKARYA: 1}
_OTHER_CODE = 11

Path = str | os.PathLike[str]


def annotate_run(
    gff: Path,
    directory: Path,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
    *,
    fasta: Path | None = None,
    proteins: Path | None = None,
    code: int | None = None,
) -> tuple[RunInfo, Remarks]:
    """Predict the proteins of a genome's genes, and write where their signal peptides lie on it.

    The files are those of `predict_run` and `genome.gff3`. gff: a GFF3 file with CDS. fasta: the
    genome, which the GFF3 file may hold itself; or proteins: FASTA of the proteins of these genes,
    which are then not translated. code: NCBI's number of the genetic code of genes that name none
    with `transl_table`; 1 for eukaryotes and else 11. With `skip_invalid` of the options, genes
    without a protein are left out, and remarked.

    Raises what `predict_run` raises, and OptionError for fasta and proteins together.

        info, remarks = annotate_run("genome.gff3", "results", fasta="genome.fna")
        print(info.count, remarks.left_out)
    """
    options = options or RunOptions()
    if fasta is not None and proteins is not None:
        raise OptionError("give the genome (fasta) or its proteins, not both")
    if code is None:
        code = _CODE_OF.get(parse_choice(options.organism), _OTHER_CODE)
    if code not in CODES:
        known = ", ".join(map(str, CODES))
        raise OptionError(f"the genetic code is one of {known}, not {code}")
    genes, remarks = read_genes(os.fspath(gff)), Remarks()
    remarks.pseudogenes = genes.pseudogenes
    given = fasta if proteins is None else proteins
    sequences = None if given is None else os.fspath(given)
    if sequences is not None:
        genes.files = (*genes.files, sequences)
    options = replace(options, genes=genes)
    with ExitStack() as stack:
        if proteins is not None and sequences is not None:
            match(genes, sequences, remarks, options.skip_invalid)
            source, name = sequences, sequences
        else:
            translating = translated(genes, sequences, code, remarks, options.skip_invalid)
            source, name = stack.enter_context(translating), f"proteins of {genes.path}"
        info = predict_run(source, directory, options, progress, notice, names=[name])
    return info, remarks
