"""A protein with each residue of its window changed into each other one: what that changes."""

from __future__ import annotations

from dataclasses import dataclass

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.prediction import Prediction, Protein


@dataclass(frozen=True, slots=True)
class Substitution:
    """One residue changed. position: 1-based; residue, to: before and after; prediction: after."""

    position: int
    residue: str
    to: str
    prediction: Prediction

    @property
    def name(self) -> str:
        """As it is usually written: K2A."""
        return f"{self.residue}{self.position}{self.to}"


@dataclass(frozen=True, slots=True)
class Scan:
    """All substitutions of a protein's window, by position and then in the order of `AMINO_ACIDS`.

    wild_type: the prediction of the protein as it is.
    """

    wild_type: Prediction
    substitutions: tuple[Substitution, ...]

    def change(self, one: Substitution) -> float:
        """In the probability of a signal peptide of any type."""
        before = self.wild_type.signal_peptide_probability
        return one.prediction.signal_peptide_probability - before

    def cut_change(self, one: Substitution) -> float:
        """In the probability of the predicted type and cleavage site, 0 where there is none."""
        before = self.wild_type.cleavage_probability or 0.0
        return (one.prediction.cleavage_probability or 0.0) - before

    def shift(self, one: Substitution) -> int | None:
        """Of the cleavage site, in residues; None where there is none before or after."""
        before, after = self.wild_type.cleavage_site, one.prediction.cleavage_site
        return after - before if before and after else None

    def changes_type(self, one: Substitution) -> bool:
        """Whether another type is predicted."""
        return one.prediction.type != self.wild_type.type

    @property
    def breaking(self) -> tuple[Substitution, ...]:
        """Those after which no signal peptide is predicted where there was one."""
        if not self.wild_type.is_signal_peptide:
            return ()
        return tuple(s for s in self.substitutions if not s.prediction.is_signal_peptide)


def changed(protein: Protein, kept: int) -> list[tuple[int, str, str, Protein]]:
    """Each position, residue, other residue, and the protein with that.

    kept: residues of these proteins, which must be more than the window.
    """
    found = []
    for position, residue in enumerate(protein.window, 1):
        for to in AMINO_ACIDS:
            if to != residue:
                letters = protein.sequence[: position - 1] + to + protein.sequence[position:kept]
                found.append((position, residue, to, Protein(protein.header, letters)))
    return found
