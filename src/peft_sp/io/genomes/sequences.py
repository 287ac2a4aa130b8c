"""The sequences of a genome, one at a time: a human chromosome takes 250 MB."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import islice

from peft_sp.errors import InputError
from peft_sp.io.formats import Wanted, open_text

GENOME = Wanted(
    name="FASTA",
    give="the FASTA file of the genome",
    inside="its sequences as FASTA",
    save="plain text, in FASTA",
)
INSIDE = Wanted(name="GFF3", give="the FASTA file", save="plain text", begins=(b"##gff",))
"""A GFF3 file that has the genome at its end, as Prokka and Bakta write it."""
_NO_BASES = frozenset(b"EFILPQZefilpqz*")
"""Letters of proteins that stand for no base."""
_LOOKED_AT = 1000


def read_sequences(
    path: str, wanted: Container[str], behind: int = 0
) -> Iterator[tuple[str, bytearray | None]]:
    """The name of each sequence, its header's first word, and its bases as they stand there.

    None for the bases of one that is not `wanted`. behind: the line behind which the FASTA begins.
    Raises InputError where the file is missing, damaged, no FASTA or of proteins.
    """
    name, bases, found = "", None, False
    with open_text(path, INSIDE if behind else GENOME) as text:
        for number, line in enumerate(islice(text, behind, None), behind + 1):
            if line[0] != ">":
                if bases is not None:
                    bases += line.strip().encode("ascii", "replace")
                elif not found and line.strip() and line[0] not in "#;":
                    raise InputError(
                        "not FASTA: text stands before any header, which starts with '>'; give "
                        f"{GENOME.give}",
                        path=path,
                        line=number,
                    )
                continue
            if found:
                yield name, _checked(bases, path, name)
            name, found = (line[1:].split(None, 1) or [""])[0], True
            bases = bytearray() if name in wanted else None
    if not found:
        raise InputError(f"the file has no sequences; give {GENOME.give}", path=path)
    yield name, _checked(bases, path, name)


def _checked(bases: bytearray | None, path: str, name: str) -> bytearray | None:
    if bases is not None and _NO_BASES.intersection(bases[:_LOOKED_AT]):
        raise InputError(
            "these are amino acids, not the bases of a genome; give proteins with --proteins",
            path=path,
            record=name,
        )
    return bases
