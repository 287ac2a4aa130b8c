"""A file of UniProt in any of the formats that are read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from peft_sp.errors import InputError
from peft_sp.io.formats import open_text
from peft_sp.io.labelled.uniprot import flat, gff, table
from peft_sp.io.labelled.uniprot.entry import Entry


def read_entries(path: str, fasta: str | None = None) -> Iterator[Entry]:
    """The proteins of a file: UniProt's text, a table, or GFF; the content tells which.

    fasta: the sequences, for GFF. Raises InputError.
    """
    with open_text(path, wanted=(flat.BEGINS, gff.BEGINS)) as file:
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
                yield from gff.read(lines, path, sequences)
        elif "\t" in head:
            yield from table.read(lines, path)
        else:
            raise InputError(
                "none of UniProt's text (.txt, .dat), table (.tsv) and GFF; download one of these",
                path=path,
            )
