"""Labels that every model doubts, with the evidence: docs/results/doubtful-labels/.

    python scripts/doubtful_labels.py train_set.fasta [docs/results/fast docs/results/esm2-8m]

Reads the labels of SignalP 6.0's training set and the out-of-fold predictions of
cross-validations, so that no model has seen the label that it doubts. Writes a page and a table.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peft_sp.biology.alphabet import encode, hydropathy_peaks
from peft_sp.io.labelled import LabelledProtein, read_labelled

DIRECTORY = Path("docs/results/doubtful-labels")
MODELS = ("docs/results/fast", "docs/results/esm2-8m")
DOUBT = 0.05
"""A label is listed if each model gives it less than this probability, and all give one type more
than half."""
STRETCH = 12
"""Residues of the most hydrophobic stretch, about an h-region."""
SHOWN = 45
"""Residues of a protein that the table shows."""
MOTIFS = {"TAT": r"[ST]?RR.[FGAVML][LITMVF]", "LIPO": r"[LVIMTF][ASTVIGC][GASNC]C"}
"""Of a twin arginine, and of a lipid-modified cysteine: loose, to show where one may be."""
ROWS = 30
"""Of the table that stand on the page too."""
PAGE = """# Labels that our models doubt

{count} of the {proteins:,} labels of SignalP 6.0's training set: each model of {links},
none of which was trained on the protein, gives the label less than {doubt} and another type, the
same for all, more than half. Neither labels nor models were changed for it: the figures of the
reports count each of these as an error. Probabilities are calibrated in spite of such labels
([method](../../method.md)).

Who is right is for you to judge: [labels.tsv](labels.tsv) has what can be seen of each. Some labels
are old or wrong (a signal peptide that UniProt has added or removed since, the tag of a protein
whose structure was solved), some proteins carry a signal peptide that is not at work (another way
out, a start codon that was chosen wrongly), and some are rare things that no model has learned.
Both learned from the same teachers, so that they are not independent opinions.

| group | label | models say | proteins |
|---|---|---|--:|
{counts}

The {rows} that are doubted most. Hydropathy: mean (Kyte and Doolittle) of the most hydrophobic
{stretch} residues near the start; an h-region mostly has 1.6 and more. Charge: of what stands in
front of it, where signal peptides are positive. Cut: the predicted one, five residues in front.

| accession | label | models say | P(label) | hydropathy | charge | cut | first residues |
|---|---|---|--:|--:|--:|---|---|
{first}

The table is made by `python scripts/doubtful_labels.py train_set.fasta`.
"""
COLUMNS = (
    *("accession", "organism", "label", "labelled_site", "prediction", "predicted_site"),
    *("probabilities_of_label", "probabilities_of_prediction", "peak_hydropathy"),
    *("peak_stretch", "charge_in_front", "around_the_cut", "motifs", "sequence"),
)


@dataclass(frozen=True)
class Doubt:
    """A protein whose label each model takes for wrong.

    rows: what each model says of it, as the out-of-fold table has it.
    """

    protein: LabelledProtein
    rows: tuple[dict[str, str], ...]

    @property
    def prediction(self) -> str:
        """The type that all models predict."""
        return self.rows[0]["type"]

    @property
    def mean(self) -> float:
        """Mean probability of the label."""
        column = f"p_{self.protein.type.lower()}"
        return sum(float(row[column]) for row in self.rows) / len(self.rows)

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table has of it, in the order of `COLUMNS`."""
        own, site = self.protein, self.rows[-1]["cleavage_site"]
        (peak,), (middle,) = hydropathy_peaks(encode([own.sequence]), STRETCH)
        start = max(0, int(middle) - STRETCH // 2)
        stretch = own.sequence[start : start + STRETCH]
        front = Counter(own.sequence[:start])
        charge = front["K"] + front["R"] - front["D"] - front["E"]
        kinds = own.type, self.prediction
        of_label, of_prediction = (
            " ".join(row[f"p_{kind.lower()}"] for row in self.rows) for kind in kinds
        )
        motifs = [
            f"{found[0]} at {found.start() + 1}"
            for name, motif in MOTIFS.items()
            if any(name in kind for kind in kinds) and (found := re.search(motif, own.sequence))
        ]
        return (
            *(own.accession, own.organism, own.type, str(own.cleavage_site or "")),
            *(self.prediction, site, of_label, of_prediction, f"{peak:.2f}"),
            *(f"{stretch} from {start + 1}", f"{charge:+d}", _around(own.sequence, site)),
            *("; ".join(motifs), own.sequence[:SHOWN]),
        )


def _around(sequence: str, site: str) -> str:
    """The residues of a cut, five in front and two behind."""
    return (
        f"{sequence[max(0, int(site) - 5) : int(site)]}|{sequence[int(site) :][:2]}" if site else ""
    )


def doubts(
    labelled: Sequence[LabelledProtein], tables: Sequence[dict[str, dict[str, str]]]
) -> Iterator[Doubt]:
    """The proteins whose label all tables doubt, for the same type."""
    for one in labelled:
        rows = tuple(table[one.accession] for table in tables if one.accession in table)
        kinds = {row["type"] for row in rows}
        if len(rows) < len(tables) or len(kinds) > 1 or one.type in kinds:
            continue
        (kind,) = kinds
        if all(
            float(row[f"p_{one.type.lower()}"]) < DOUBT < 0.5 < float(row[f"p_{kind.lower()}"])
            for row in rows
        ):
            yield Doubt(one, rows)


def read_table(folder: str) -> dict[str, dict[str, str]]:
    """The out-of-fold predictions of a cross-validation, by accession."""
    with gzip.open(Path(folder) / "oof.tsv.gz", "rt") as file:
        return {row["accession"]: row for row in csv.DictReader(file, delimiter="\t")}


def page(found: Sequence[Doubt], folders: Sequence[str], proteins: int) -> str:
    """The page that explains the table, as Markdown."""
    kinds = Counter((d.protein.organism, d.protein.type, d.prediction) for d in found)
    counts = "\n".join(
        f"| {organism} | {label} | {prediction} | {count} |"
        for (organism, label, prediction), count in kinds.most_common()
    )
    links = " and ".join(f"[{Path(f).name}](../{Path(f).name}/report.md)" for f in folders)
    first = "\n".join(
        f"| {c[0]} | {c[2]} | {c[4]} | {c[6]} | {c[8]} | {c[10]} | "
        f"{c[11].replace('|', ' ')} | `{c[13]}` |"
        for c in (d.cells for d in found[:ROWS])
    )
    return PAGE.format(
        count=len(found),
        proteins=proteins,
        links=links,
        counts=counts,
        first=first,
        rows=min(ROWS, len(found)),
        doubt=DOUBT,
        stretch=STRETCH,
    )


def main() -> None:
    """Write table and page."""
    labelled = list(read_labelled(sys.argv[1]))
    folders = sys.argv[2:] or MODELS
    found = sorted(doubts(labelled, [read_table(f) for f in folders]), key=lambda d: d.mean)
    DIRECTORY.mkdir(exist_ok=True)
    with (DIRECTORY / "labels.tsv").open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(doubt.cells for doubt in found)
    (DIRECTORY / "README.md").write_text(page(found, folders, len(labelled)))
    print(f"{len(found)} of {len(labelled):,} labels; written to {DIRECTORY}/")


if __name__ == "__main__":
    main()
