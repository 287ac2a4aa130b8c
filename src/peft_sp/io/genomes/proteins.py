"""The proteins of a genome's coding sequences: translated, or found in a FASTA file."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from peft_sp.biology.coding_sequence import CodingSequence
from peft_sp.biology.genetic_code import STOP, genetic_code
from peft_sp.biology.prediction import Protein
from peft_sp.errors import InputError, OutputError
from peft_sp.io.cleaning import UnusableRecordError, clean
from peft_sp.io.fasta import NAMED, read_fasta
from peft_sp.io.genomes.gff import Genes, sequence_name
from peft_sp.io.genomes.sequences import read_sequences
from peft_sp.wording import counted

SKIP = "--skip-invalid leaves out what is wrong"


@dataclass
class Remarks:
    """What a user should know of the genes that were read.

    found: coding sequences that have a protein. pseudogenes: CDS that are said to make none.
    left_out: those that cannot be translated or, where proteins were given, proteins that fit none;
    reasons: the first 1,000 of them. shifted: coding sequences whose phases do not fit their
    segments, which are read as they are joined; first: one of them, and where it stands.
    """

    found: int = 0
    pseudogenes: int = 0
    left_out: int = 0
    reasons: list[InputError] = field(default_factory=list)
    shifted: int = 0
    first: str = ""

    def leave_out(self, error: InputError, skip: bool) -> None:
        """Raise the error, or count it where such things are to be skipped."""
        if not skip:
            raise InputError(
                f"{error.problem}; {SKIP}", path=error.path, line=error.line, record=error.record
            )
        self.left_out += 1
        if len(self.reasons) < NAMED:
            self.reasons.append(error)


@contextmanager
def translated(
    genes: Genes, genome: str | None, code: int, remarks: Remarks, skip: bool = False
) -> Iterator[str]:
    """A temporary FASTA file of the proteins of all coding sequences, by its path.

    They stand in the order of the genome's sequences and, of each, of the GFF3 file. genome: its
    FASTA file, None where the GFF3 file has it; code: the genetic code of those that name none;
    skip: leave out coding sequences that cannot be translated. Genes know their proteins then.
    Raises InputError.
    """
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="peft-sp-", suffix=".faa", encoding="utf-8", errors="backslashreplace"
        ) as file:
            for coding, record in _translations(genes, genome, code, remarks, skip):
                file.write(record)
                genes.of_protein[coding.name] = [coding]
            file.flush()
            if not remarks.found:
                raise InputError(
                    f"no CDS can be translated; of this one: {remarks.reasons[0].problem}",
                    path=genes.path,
                    line=remarks.reasons[0].line,
                )
            yield file.name
    except OSError as error:
        raise OutputError(
            f"{tempfile.gettempdir()}: cannot keep the translated proteins ({error.strerror}); "
            "name a folder with more room in TMPDIR"
        ) from None


def _translations(
    genes: Genes, genome: str | None, code: int, remarks: Remarks, skip: bool
) -> Iterator[tuple[CodingSequence, str]]:
    if genome is None and not genes.sequences_at:
        raise InputError(
            "has genes but no sequences; give the genome with --fasta, or its proteins with "
            "--proteins",
            path=genes.path,
        )
    path = genes.path if genome is None else genome
    waiting: dict[str, list[CodingSequence]] = defaultdict(list)
    for coding in genes.coding:
        if coding.left_out:
            remarks.leave_out(genes.error(coding, coding.left_out), skip)
        else:
            waiting[sequence_name(coding.sequence)].append(coding)
    first = ""
    for name, bases in read_sequences(path, waiting, genes.sequences_at if genome is None else 0):
        first = first or name
        if bases is None:
            continue
        for coding in waiting.pop(name, ()):
            try:
                yield coding, _translation(coding, bases, code, name in genes.circular)
            except (ValueError, UnusableRecordError) as error:
                problem = str(error)
                if not isinstance(error, UnusableRecordError):
                    problem = f"{error} in {path}; give the FASTA file of the same assembly"
                remarks.leave_out(genes.error(coding, problem), skip)
                continue
            remarks.found += 1
            if not coding.continues():
                remarks.shifted += 1
                remarks.first = remarks.first or str(genes.error(coding, "")).rstrip(": ")
    for name, left in waiting.items():
        problem = f"its sequence '{name}' is not in {path}, where '{first}' is the first"
        for coding in left:
            remarks.leave_out(
                genes.error(coding, f"{problem}; give the FASTA file of the same assembly"), skip
            )


def _translation(coding: CodingSequence, bases: bytearray, code: int, circular: bool) -> str:
    """A record of FASTA. Raises ValueError, and UnusableRecordError where it is no protein."""
    whole = not coding.incomplete and not coding.skipped
    read = coding.read(bases, circular)
    sequence = genetic_code(coding.code or code).translate(read, whole).removesuffix(STOP)
    header = " ".join(filter(None, (coding.name, coding.product)))
    header += "" if whole else ", partial"
    coding.length = len(clean(header, sequence).sequence)
    return f">{header}\n{sequence}\n"


def match(genes: Genes, path: str, remarks: Remarks, skip: bool = False) -> None:
    """Find the coding sequences of the proteins of a FASTA file, by their names and lengths.

    skip: predict proteins that fit none all the same. Raises InputError.
    """
    named: dict[str, list[CodingSequence]] = defaultdict(list)
    for coding in genes.coding:
        for name in _names(coding):
            named[name].append(coding)
    seen = set()
    for protein in read_fasta(path, "skip" if skip else "raise"):
        if protein.id in seen:
            error = InputError(
                "stands more than once; give each protein once",
                path=path,
                line=protein.line,
                record=protein.id,
            )
            remarks.leave_out(error, skip)
            continue
        seen.add(protein.id)
        found, problem = _fitting(protein, named)
        if found:
            genes.of_protein[protein.id] = found
            remarks.found += len(found)
            for coding in found:
                coding.length = len(protein.sequence)
        else:
            error = InputError(problem, path=path, line=protein.line, record=protein.id)
            remarks.leave_out(error, skip)
    if not genes.of_protein:
        raise InputError(f"none of its proteins has a CDS in {genes.path}; give both", path=path)


def _names(coding: CodingSequence) -> set[str]:
    """What a FASTA file may call its protein.

    Prodigal's calls the second gene of contig k "k_2", and its GFF3 file gives it an ID like "1_2".
    """
    known = {coding.name, coding.protein_id, coding.id, coding.parent, coding.locus_tag}
    known |= {name.partition(sign)[2] for name in known for sign in ("-", ":") if sign in name}
    head, _, number = coding.id.rpartition("_")
    if head.isdecimal() and number.isdecimal():
        known.add(f"{sequence_name(coding.sequence)}_{number}")
    return known - {""}


def _fitting(
    protein: Protein, named: dict[str, list[CodingSequence]]
) -> tuple[list[CodingSequence], str]:
    """The coding sequences of a protein, or why there are none."""
    name = protein.id if protein.id in named else protein.id.rpartition(".")[0]
    known = named.get(name, [])
    if not known:
        return [], "no CDS has this protein_id, ID, Parent or locus_tag; give proteins of this GFF3"
    usable = [coding for coding in known if not coding.left_out]
    if not usable:
        return [], known[0].left_out
    length = len(protein.sequence)
    # A stop codon may be part of the CDS or not.
    fitting = [coding for coding in usable if coding.codons - length in (0, 1)]
    if not fitting:
        codons = counted(usable[0].codons, "codon")
        return [], (
            f"has {length:,} residues, but its CDS in line {usable[0].line} has {codons}; give "
            "proteins of the same annotation"
        )
    return fitting, ""
