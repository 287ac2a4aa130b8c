"""What thresholds mean, and how often the note on anchors is right: the tables of docs/guide.md.

    python scripts/cutoffs.py train_set.fasta [docs/results/fast docs/results/esm2-8m]

Reads the labels of SignalP 6.0's training set and the out-of-fold predictions of
cross-validations, and prints Markdown.
"""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path

import numpy as np

from peft_sp.biology.alphabet import encode, hydropathy_peaks
from peft_sp.biology.grammar import NO_SP
from peft_sp.biology.notes import DOUBT, MEMBRANE, MEMBRANE_HYDROPATHY
from peft_sp.io.labelled import read_labelled

THRESHOLDS = (None, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
ANCHORED = 40
"""A labelled membrane span that begins before this residue is an N-terminal anchor."""


def main() -> None:
    """Print the tables of each cross-validation."""
    labelled = {one.accession: one for one in read_labelled(sys.argv[1])}
    for folder in sys.argv[2:] or ["docs/results/fast", "docs/results/esm2-8m"]:
        with gzip.open(Path(folder) / "oof.tsv.gz", "rt") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        own = [labelled[row["accession"]] for row in rows]
        none = np.array([float(row["p_no_sp"]) for row in rows])
        called = np.array([row["type"] != NO_SP for row in rows])
        true = np.array([one.type != NO_SP for one in own])
        euk = np.array([one.organism == "EUKARYA" for one in own])
        print(
            f"\n{folder}\n\n| threshold | eukarya: recall | precision | other: recall | precision |"
        )
        print("|---|--:|--:|--:|--:|")
        for threshold in THRESHOLDS:
            found = called if threshold is None else 1 - none >= threshold
            cells = []
            for group in (euk, ~euk):
                hits = (found & true & group).sum()
                cells += [hits / (true & group).sum(), hits / (found & group).sum()]
            print(f"| {threshold or 'most probable type'} |", *(f"{c:.3f} |" for c in cells))
        peaks, _ = hydropathy_peaks(encode([one.sequence for one in own]), MEMBRANE)
        anchors = np.array([0 <= one.labels.find("M") < ANCHORED for one in own]) & ~true
        noted = called & (none >= DOUBT) & (peaks >= MEMBRANE_HYDROPATHY)
        hits = (noted & anchors).sum()
        print(f"\n{called.sum():,} predicted signal peptides; anchors {(called & anchors).sum()}")
        print(f"noted {noted.sum()}, of which {hits} are anchors, ", end="")
        print(f"{(noted & ~true).sum()} have no signal peptide")


if __name__ == "__main__":
    main()
