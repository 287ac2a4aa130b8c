"""The coding sequences of a GFF3 file, line by line: only what stands in a CDS is kept.

Files of NCBI, Ensembl, Prokka, Bakta, Prodigal, Augustus, FlyBase and others differ in what joins
the segments of a CDS, so that all three ways are known: a shared ID; one Parent; or both.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from sys import intern
from urllib.parse import unquote

from peft_sp.biology.coding_sequence import CodingSequence
from peft_sp.biology.genetic_code import CODES
from peft_sp.errors import InputError
from peft_sp.io.cleaning import clean_header
from peft_sp.io.formats import Wanted, open_text
from peft_sp.io.writers.names import FreeNames

GFF = Wanted(
    name="GFF3",
    give="the GFF3 file of the genome",
    inside="its annotation as GFF3",
    save="plain text, in GFF3",
    begins=(b"##gff",),
)
_CDS = "\tCDS\t"
_ATTRIBUTE = re.compile(r"(?:^|;)\s*(\w+)=([^;\r\n]*)")
_PREFIX = re.compile(r"^(?:cds[-:]|CDS:|transcript:|rna-)")
_SPACE = re.compile(r"\s+")
TRANS_SPLICED = "its segments are joined by trans-splicing, in an order that GFF3 does not tell"


@dataclass
class Genes:
    """What a GFF3 file has of a genome.

    path: of the file; coding: the coding sequences of proteins, in its order; circular: names of
    sequences without ends; pseudogenes: CDS that are said to make no protein; sequences_at: the
    line behind which the genome itself stands in the file, 0 where it does not; of_protein: coding
    sequences by the id of the protein that they have, once that is known; files: all that was read
    of the genome, which no output may replace.
    """

    path: str
    coding: list[CodingSequence] = field(default_factory=list)
    circular: set[str] = field(default_factory=set)
    pseudogenes: int = 0
    sequences_at: int = 0
    of_protein: dict[str, list[CodingSequence]] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Of all that decides where the proteins lie on the genome."""
        digest = blake2b(digest_size=8)
        for name, found in self.of_protein.items():
            digest.update(name.encode("utf-8", "replace"))
            for coding in found:
                digest.update(coding.fingerprint())
        return digest.hexdigest()

    def error(self, coding: CodingSequence, problem: str) -> InputError:
        """Something is wrong with a CDS."""
        return InputError(problem, path=self.path, line=coding.line, record=coding.name)


def sequence_name(cell: str) -> str:
    """The name of a sequence in a GFF3 file as a FASTA file has it."""
    return unquote(cell) if "%" in cell else cell


def read_genes(path: str) -> Genes:
    """The coding sequences of a GFF3 file, plain or compressed.

    Raises InputError for a line that is no GFF3, and where there is no CDS.
    """
    genes = Genes(path, files=(path,))
    groups: dict[tuple[str, str, str], CodingSequence] = {}
    last: tuple[str, list[CodingSequence]] = ("", [])
    with open_text(path, GFF) as text:
        for number, line in enumerate(text, 1):
            if _CDS in line and line[0] != "#":
                last = _read_cds(line, (path, number), groups, last)
            elif line.startswith(("##FASTA", ">")):
                genes.sequences_at = number - line.startswith(">")
                break
            elif "Is_circular=true" in line:
                genes.circular.add(sequence_name(line.partition("\t")[0]))
            elif "\t" not in line and line[0] not in "#\r\n" and line.strip():
                raise InputError(
                    "a line of GFF3 has nine columns, apart by tabs; give the GFF3 file of the "
                    "genome",
                    path=path,
                    line=number,
                )
    joined = _joined(list(groups.values()))
    genes.coding = [coding for coding in joined if coding.left_out != _PSEUDO]
    genes.pseudogenes = len(joined) - len(genes.coding)
    if not genes.coding:
        raise InputError(
            "has no CDS of a protein; give the GFF3 file of a genome with its genes", path=path
        )
    _name(genes.coding)
    return genes


_PSEUDO = "pseudogene"


def _read_cds(
    line: str,
    where: tuple[str, int],
    groups: dict[tuple[str, str, str], CodingSequence],
    last: tuple[str, list[CodingSequence]],
) -> tuple[str, list[CodingSequence]]:
    """Add a segment to its coding sequences: of each Parent one.

    last: sequence and attributes of the segment before, and its coding sequences, which those of
    the next one mostly are.
    """
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) != 9:
        raise _wrong(f"a line of GFF3 has nine columns, this has {len(cells)}; mend it", where)
    start, end, phase = _numbers(cells, where)
    strand = cells[6]
    if strand not in ("+", "-"):
        raise _wrong(f"the strand of a CDS is + or -, not '{strand}'; mend it", where)
    same = f"{cells[0]}\t{cells[8]}"
    named = "ID=" in cells[8] or "Parent=" in cells[8]
    own = last[1] if named and same == last[0] else list(_groups(cells, where, groups))
    for coding in own:
        if coding.strand != strand:
            coding.left_out = coding.left_out or TRANS_SPLICED
        coding.add(start, end, phase)
    return same, own


def _groups(
    cells: list[str],
    where: tuple[str, int],
    groups: dict[tuple[str, str, str], CodingSequence],
) -> Iterator[CodingSequence]:
    """The coding sequences that a segment is of, new ones among them."""
    attributes = dict(_ATTRIBUTE.findall(cells[8]))
    if not attributes and ('"' in cells[8] or "gene_id" in cells[8]):
        raise _wrong(
            "this looks like GTF, not GFF3; convert it, as with 'gffread FILE -o genes.gff3'", where
        )
    name = attributes.get("ID", "")
    for parent in attributes.get("Parent", "").split(","):
        key = (cells[0], parent, name if name or parent else f"line {where[1]}")
        if key not in groups:
            groups[key] = _coding(cells, attributes, parent, where)
        yield groups[key]


def _coding(
    cells: list[str], attributes: dict[str, str], parent: str, where: tuple[str, int]
) -> CodingSequence:
    code = attributes.get("transl_table", "0")
    if code != "0" and not (code.isdecimal() and int(code) in CODES):
        raise _wrong(f"transl_table={code} is none of NCBI's genetic codes; mend it", where)
    coding = CodingSequence(
        intern(cells[0]),
        intern(cells[6]),
        where[1],
        id=attributes.get("ID", ""),
        parent=parent,
        protein_id=unquote(attributes.get("protein_id", "")),
        locus_tag=unquote(attributes.get("locus_tag", "")),
        product=intern(unquote(attributes.get("product", ""))),
        code=int(code),
        incomplete=_begins_outside(attributes, cells[6]),
    )
    if attributes.get("pseudo") == "true" or "pseudogene" in attributes:
        coding.left_out = _PSEUDO
    elif "trans-splicing" in unquote(attributes.get("exception", "")):
        coding.left_out = TRANS_SPLICED
    return coding


def _begins_outside(attributes: dict[str, str], strand: str) -> bool:
    """Whether the beginning is said to be missing, as NCBI or as Prodigal says it."""
    partial = attributes.get("partial", "")
    if partial in ("10", "01", "11"):
        return partial[strand == "-"] == "1"
    key = "start_range" if strand == "+" else "end_range"
    return key in attributes or attributes.get("start_type") == "Edge"


def _numbers(cells: list[str], where: tuple[str, int]) -> tuple[int, int, int]:
    try:
        start, end = int(cells[3]), int(cells[4])
        phase = 0 if cells[7] == "." else int(cells[7])
    except ValueError:
        raise _wrong("start, end or phase of a CDS is no number; mend the line", where) from None
    if not 1 <= start <= end < 1 << 40:
        raise _wrong(f"a CDS from {start} to {end} has no bases; mend the line", where)
    if phase not in (0, 1, 2):
        raise _wrong(f"the phase of a CDS is 0, 1 or 2, not {phase}; mend the line", where)
    return start, end, phase


def _wrong(problem: str, where: tuple[str, int]) -> InputError:
    return InputError(problem, path=where[0], line=where[1])


def _joined(found: list[CodingSequence]) -> list[CodingSequence]:
    """Coding sequences whose segments have an ID each made one, where they have one Parent.

    What differs in protein_id or locus_tag, or overlaps, as two readings of one gene do, stays
    apart.
    """
    families: dict[tuple[str, str], list[CodingSequence]] = defaultdict(list)
    for coding in found:
        if coding.parent:
            families[coding.sequence, coding.parent].append(coding)
    gone = set()
    for family in families.values():
        if len(family) < 2 or len({(c.protein_id, c.locus_tag, c.strand) for c in family}) > 1:
            continue
        whole = CodingSequence(family[0].sequence, family[0].strand, family[0].line)
        for coding in family:
            whole.absorb(coding)
        if len(whole.segments) == len(family) and not whole.overlaps():
            family[0].id = ""  # of one segment: the parent has the name of all
            for coding in family[1:]:
                family[0].absorb(coding)
                gone.add(id(coding))
    return [coding for coding in found if id(coding) not in gone]


def _name(coding: list[CodingSequence]) -> None:
    """Give each the name of its protein, or what comes nearest, with a number where it is taken."""
    free = FreeNames()
    for one in coding:
        own = one.protein_id or one.id or one.parent or one.locus_tag
        name = _PREFIX.sub("", unquote(own)) or f"{one.sequence}_line_{one.line}"
        one.name = free(clean_header(_SPACE.sub("_", name))[0].split()[0])
