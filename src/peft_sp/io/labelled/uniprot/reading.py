"""A file of UniProt in any of the formats that are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from peft_sp.errors import InputError
from peft_sp.io.formats import Wanted, open_text
from peft_sp.io.labelled.uniprot import flat, gff, table
from peft_sp.io.labelled.uniprot.entry import Entry

UNIPROT = Wanted(
    name="a file of UniProt",
    give="UniProt's text (.txt, .dat), table (.tsv) or GFF",
    save="tab-separated text",
    begins=(flat.BEGINS, gff.BEGINS),
)


def read_entries(path: str, fasta: str | None = None) -> Iterator[Entry]:
    """The proteins of a file: UniProt's text, a table, or GFF; the content tells which.

    fasta: the sequences, for GFF. Raises InputError.
    """
    with open_text(path, UNIPROT) as file:
        head = file.readline()
        lines = chain([head], file)
        if head.startswith(flat.BEGINS.decode()):
            yield from flat.read(lines, path)
        elif head.startswith(gff.BEGINS.decode()):
            if fasta is None:
                raise InputError(
                    "GFF holds no sequences; give the FASTA file of the same proteins by --fasta",
                    path=path,
                )
            with open_text(fasta) as sequences:
                yield from gff.read(_whole(lines, path), path, sequences, fasta)
        elif "\t" in head:
            yield from table.read(_whole(lines, path), path)
        else:
            raise InputError(_no_format(head), path=path)


def _whole(lines: Iterable[str], path: str) -> Iterator[str]:
    """Lines, of which the last ends as well. Raises InputError for a file that is cut off."""
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            raise InputError(
                "the last line has no end; if the file is cut off, download it again, "
                "else end the line",
                path=path,
                line=number,
            )
        yield line


def _no_format(head: str) -> str:
    """What is wrong with a file that begins with such a line."""
    if not head:
        return f"the file is empty; give {UNIPROT.give}"
    for sign, name in ((",", "commas"), (";", "semicolons")):
        if head.count(sign) >= 2 and "entry" in head.lower():
            return f"its columns are separated by {name}; save it as {UNIPROT.save}"
    if head.startswith(">"):
        return f"FASTA has no annotation; give {UNIPROT.give}"
    return f"this is not {UNIPROT.name}; give {UNIPROT.give}"
