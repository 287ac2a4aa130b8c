"""Signal peptides, and the proteins without one, as FASTA.

The mature proteins are in SignalP 6's `processed_entries.fasta`.
"""

from __future__ import annotations

from peft_sp.biology.prediction import Prediction
from peft_sp.io.results.run_directory import RunDirectory

FILES = ("signal_peptides.fasta", "no_signal_peptide.fasta")


class FastaWriter:
    """Writes the two files; a protein is in one of them, under its whole header."""

    def __init__(self, files: RunDirectory) -> None:
        self._signal_peptides, self._others = map(files.open, FILES)

    def write(self, prediction: Prediction) -> None:
        """Add the signal peptide, or the whole protein where it has none."""
        header = prediction.protein.header
        if prediction.cleavage_site:
            self._signal_peptides.write(f">{header}\n{prediction.signal_peptide}\n")
        else:
            self._others.write(f">{header}\n{prediction.protein.sequence}\n")
