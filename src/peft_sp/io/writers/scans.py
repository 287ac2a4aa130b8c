"""The substitutions of proteins as a tidy table: a row each, behind one of the protein as it is."""

from __future__ import annotations

from typing import TextIO

from peft_sp.biology.prediction import Prediction
from peft_sp.biology.substitutions import Scan

FILE = "scan.tsv"
COLUMNS = (
    *("id", "position", "residue", "to"),
    *("signal_peptide_probability", "probability_change", "type", "type_changed"),
    *("cleavage_site", "site_change", "cleavage_probability"),
    "cleavage_probability_change",
)


class ScanWriter:
    """Writes `scan.tsv`."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        file.write("\t".join(COLUMNS) + "\n")

    def write(self, scan: Scan) -> None:
        """Add the protein and all its substitutions."""
        self._row(scan.wild_type, ("", "", ""), ("", "", "", ""))
        for one in scan.substitutions:
            shift = scan.shift(one)
            changes = (
                f"{scan.change(one):.6f}",
                "yes" if scan.changes_type(one) else "no",
                "" if shift is None else str(shift),
                f"{scan.cut_change(one):.6f}",
            )
            self._row(one.prediction, (str(one.position), one.residue, one.to), changes)

    def _row(
        self,
        prediction: Prediction,
        where: tuple[str, str, str],
        changes: tuple[str, str, str, str],
    ) -> None:
        site, cut = prediction.cleavage_site, prediction.cleavage_probability
        of_probability, of_type, of_site, of_cut = changes
        cells = (
            *(prediction.id, *where),
            *(f"{prediction.signal_peptide_probability:.6f}", of_probability),
            *(prediction.type, of_type, "" if site is None else str(site), of_site),
            *("" if cut is None else f"{cut:.6f}", of_cut),
        )
        self._file.write("\t".join(cells) + "\n")
