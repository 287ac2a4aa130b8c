"""Whether relatives among the proteins of no partition explain the accuracy.

    python scripts/remainder_strictness.py train_set.fasta remainder.fasta remainder_homology.tsv

Writes docs/results/remainder/README.md. Of each labelled protein MMseqs2 looks for the most
similar protein of the remainder that the model which is tested on it learned from. The page has
errors by that E-value, of networks that learned from the remainder and of such that did not. Needs
the program mmseqs.
"""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import NO_SP
from peft_sp.io.atomic import write_text
from peft_sp.io.labelled import PARTITIONS, LabelledProtein, read_labelled
from peft_sp.io.labelled.remainder import read_remainder
from peft_sp.training.options import Remainder

PAGE = Path("docs/results/remainder/README.md")
WITHOUT, WITH = "esm2-8m-partitions", "esm2-8m-teacher"
LARGEST = 100.0
"""E-values up to this are looked for."""
BINS = ((0.0, 0.1), (0.1, 1.0), (1.0, 10.0), (10.0, LARGEST), (LARGEST, np.inf))
Chosen = Callable[[LabelledProtein], bool]
GROUPS: dict[str, Chosen] = {
    "eukaryotes": lambda p: p.organism == "EUKARYA",
    "others": lambda p: p.organism != "EUKARYA",
    "others with a signal peptide": lambda p: p.organism != "EUKARYA" and p.type != NO_SP,
}


def nearest(
    queries: Sequence[LabelledProtein], targets: Sequence[LabelledProtein]
) -> NDArray[np.float64]:
    """The smallest E-value (N,) of an alignment of each query with a target; infinity for none."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("queries.faa", "targets.faa", "hits.tsv", "work")]
        for path, proteins in zip(files, (queries, targets), strict=False):
            path.write_text("".join(f">{n}\n{p.sequence}\n" for n, p in enumerate(proteins)))
        options = ["-s", "7.5", "-e", str(LARGEST), "--max-seqs", "1000", "-v", "1"]
        search = ["mmseqs", "easy-search", *map(str, files), *options]
        subprocess.run([*search, "--format-output", "query,evalue"], check=True)
        found = np.full(len(queries), np.inf)
        for line in files[2].read_text().splitlines():
            query, evalue = line.split("\t")
            found[int(query)] = min(found[int(query)], float(evalue))
    return found


def predicted(name: str) -> dict[str, str]:
    """The out-of-fold type of each accession."""
    with gzip.open(Path("docs/results", name, "oof.tsv.gz"), "rt") as file:
        return {row["accession"]: row["type"] for row in csv.DictReader(file, delimiter="\t")}


def main() -> None:
    """Write the page."""
    proteins = read_labelled(sys.argv[1])
    remainder = read_remainder(sys.argv[2], sys.argv[3])
    limits = Remainder(data="-", homology="-")
    tested: list[LabelledProtein] = []
    evalues: list[NDArray[np.float64]] = []
    for partition in PARTITIONS:
        own = [p for p in proteins if p.partition == partition]
        rows = remainder.apart_from((partition,), limits.max_identity, limits.max_evalue)
        tested += own
        evalues.append(nearest(own, remainder.take(rows).proteins))
    evalue = np.concatenate(evalues)
    right = {
        name: np.array([types[p.accession] == p.type for p in tested])
        for name, types in ((name, predicted(name)) for name in (WITHOUT, WITH))
    }
    lines = []
    for group, chosen in GROUPS.items():
        member = np.array([chosen(p) for p in tested])
        for low, high in BINS:
            here = member & (evalue > low) & (evalue <= high)
            if not here.any():
                continue
            before, after = (100 * (1 - right[name][here].mean()) for name in (WITHOUT, WITH))
            change = f"{100 * (after / before - 1):+.0f} %" if before else "–"
            label = f"{low:g} to {high:g}" if low else f"at most {high:g}"
            label = f"none up to {low:g}" if np.isinf(high) else label
            cells = (group, label, f"{here.sum():,}", f"{before:.2f}", f"{after:.2f}", change)
            lines.append(f"| {' | '.join(cells)} |")
    write_text(PAGE, TEXT.format(table="\n".join(lines)))
    print(*lines, sep="\n")


TEXT = """# Proteins of no partition, and who profits from them

SignalP 6.0's authors left out 5,394 labelled proteins, since they are similar to more than one
partition. In each fold our models learn from those of them that are below 36 % identity to every
protein of the tested partition and reach no E-value of 0.01 with any. Is what they add knowledge,
or do relatives that pass under these limits tell the answers?

Of each tested protein we looked for the most similar protein of the remainder that its model
learned from (MMseqs2, sensitivity 7.5). If distant relatives told the answers, errors would fall
where there are some, and stay where there are none. The table has wrong types in percent, of
[three networks that learned from the partitions alone](../esm2-8m-partitions/report.md) and of
[three that learned from the remainder as well](../esm2-8m-teacher/report.md), on a backbone that
had also seen unlabelled windows.

| tested proteins | smallest E-value | number | wrong, without % | with % | change |
|---|---|--:|--:|--:|--:|
{table}

`python scripts/remainder_strictness.py train_set.fasta remainder.fasta remainder_homology.tsv`
makes this page.
"""

if __name__ == "__main__":
    main()
