"""The species of labelled eukaryotic proteins: docs/results/clades/species.tsv.

    python scripts/species.py train_set.fasta uniprot_sprot.fasta.gz [MORE.fasta ...]

SignalP 6.0's training set names no species. FASTA files whose headers name one (`OS=` as in
UniProt, or in brackets as in RefSeq) give it to the labelled proteins of the same accession, else
of the same first residues; earlier files first. NCBI Taxonomy gives the clade, and is read as by
scripts/domains.py, which says what it needs.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domains import Taxa
from domains import read as read_taxa

from peft_sp.io.atomic import write_text
from peft_sp.io.labelled import LabelledProtein, read_labelled
from peft_sp.io.raw_fasta import read_raw

TABLE = Path("docs/results/clades/species.tsv")
SAME = 60
"""First residues by which a protein is recognised whose accession is in none of the files."""
COLUMNS = ("accession", "species", "taxon", "clade", "found_by")
_SPECIES = (re.compile(r"\bOS=(.+?)(?= [A-Z]{2}=|$)"), re.compile(r"\[([^\[\]]+)\]$"))
_TAXON = re.compile(r"\bOX=(\d+)")


@dataclass(frozen=True)
class Clade:
    """Species below one of some taxa (NCBI's identifiers), and the group that they stand in."""

    name: str
    group: str
    taxa: tuple[int, ...]


# The first that has a species' taxon above it.
CLADES = (
    Clade("mammals", "animals", (40674,)),
    Clade("other vertebrates", "animals", (7742,)),
    Clade("insects", "animals", (50557,)),
    Clade("nematodes", "animals", (6231,)),
    Clade("other animals", "animals", (33208,)),
    Clade("fission yeasts", "fungi", (4894,)),
    Clade("other fungi", "fungi", (4751,)),
    Clade("land plants", "plants and algae", (3193,)),
    Clade("green and red algae", "plants and algae", (33090, 2763)),
    Clade("Plasmodium", "protists", (5820,)),
    Clade("other apicomplexans", "protists", (5794,)),
    Clade("amoebae and slime moulds", "protists", (554915,)),
    Clade("trypanosomes and euglenids", "protists", (33682,)),
    Clade("other protists", "protists", (2759,)),
)
GROUPS = tuple(dict.fromkeys(clade.group for clade in CLADES))
Found = dict[str, str]
"""A row of the table."""


def origin(header: str) -> tuple[str, str]:
    """The species that a header names, without strain, and its NCBI identifier; "" if not known."""
    for pattern in _SPECIES:
        if match := pattern.search(header):
            taxon = _TAXON.search(header)
            return re.sub(r" \(.*", "", match[1]).strip(), taxon[1] if taxon else ""
    return "", ""


def species_of(labelled: Sequence[LabelledProtein], paths: Iterable[Path]) -> Iterator[Found]:
    """The labelled proteins whose species one of the files has, earlier files first."""
    accessions, residues = {p.accession for p in labelled}, {p.sequence[:SAME] for p in labelled}
    by: dict[str, dict[str, tuple[str, str]]] = {"accession": {}, "residues": {}}
    for path in paths:
        for record in read_raw(path):
            parts = record.header.split(None, 1)[0].split("|")
            keys = {"accession": parts[1 if len(parts) > 2 else 0]}
            keys["residues"] = record.sequence[:SAME].upper()
            if keys["accession"] in accessions or keys["residues"] in residues:
                named = origin(record.header)
                for kind, key in keys.items():
                    if named[0]:
                        by[kind].setdefault(key, named)
    for protein in labelled:
        keys = {"accession": protein.accession, "residues": protein.sequence[:SAME]}
        for kind, key in keys.items():
            if key in by[kind]:
                species, taxon = by[kind][key]
                cells = (protein.accession, species, taxon, "", kind)
                yield dict(zip(COLUMNS, cells, strict=True))
                break


def clade_of(species: str, taxon: str, taxa: Taxa, named: Mapping[str, int]) -> str:
    """The clade of a species, by identifier, else by name, else by genus; "" if there is none."""
    options = (
        int(taxon) if taxon else None,
        named.get(species),
        named.get(species.partition(" ")[0]),
    )
    own = next((t for t in options if t is not None and t in taxa), None)
    above: set[int] = set()
    while own is not None and own not in above and own in taxa:
        above.add(own)
        own = taxa[own][0]
    return next((clade.name for clade in CLADES if above & set(clade.taxa)), "")


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("labelled", type=Path, help="SignalP 6.0's training set, three lines each")
    parser.add_argument("fasta", type=Path, nargs="+", help="files whose headers name species")
    options = parser.parse_args()
    labelled = [p for p in read_labelled(options.labelled) if p.organism == "EUKARYA"]
    taxa = read_taxa()
    named = {name: taxon for taxon, (_, _, name) in taxa.items()}
    rows = list(species_of(labelled, options.fasta))
    known: dict[tuple[str, str], str] = {}
    for row in rows:
        key = row["species"], row["taxon"]
        if key not in known:
            known[key] = clade_of(*key, taxa, named)
        row["clade"] = known[key]
    lines = ["\t".join(COLUMNS), *("\t".join(row[c] for c in COLUMNS) for row in rows)]
    write_text(TABLE, "\n".join(lines) + "\n")
    print(
        f"{len(rows):,} of {len(labelled):,} proteins, {len(known)} species; of no clade:", end=" "
    )
    print(sorted({row["species"] for row in rows if not row["clade"]}))


def read_species() -> dict[str, Found]:
    """The rows of the table by accession."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["accession"]: row for row in csv.DictReader(file, delimiter="\t")}


if __name__ == "__main__":
    main()
