"""What a run's summary counts, protein by protein, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import NO_SP, TYPES, WINDOW
from peft_sp.biology.notes import warning_kinds
from peft_sp.biology.prediction import SIGNAL_PEPTIDE, Prediction
from peft_sp.io.results.journal import numbers_like

BEFORE, AFTER = 12, 5
"""Residues of a logo before and behind the cut."""
BINS = 20
REGIONS = ("n-region", "h-region", "c-region", SIGNAL_PEPTIDE)
"""Whose lengths are counted (`Prediction.span`)."""

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_CODE = np.full(256, len(AMINO_ACIDS), dtype=np.int64)
_CODE[np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)] = np.arange(len(AMINO_ACIDS))


class Statistics:
    """Counts of a run.

    types: predictions by type; warned: proteins with a warning, and warnings: with each kind of it;
    signal (BINS,): proteins by P(signal peptide), in equal steps from 0 to 1; sites (BINS,):
    predicted sites by their probability; residues (20,): amino acids in all windows; around
    (types, BEFORE + AFTER, 20): those around the predicted cuts; lengths (types, regions,
    WINDOW + 1): of `REGIONS`.
    """

    def __init__(self) -> None:
        size = len(AMINO_ACIDS)
        self.types: Counter[str] = Counter()
        self.warned = 0
        self.warnings: Counter[str] = Counter()
        self.signal: Counts = np.zeros(BINS, dtype=np.int64)
        self.sites: Counts = np.zeros(BINS, dtype=np.int64)
        self.residues: Counts = np.zeros(size, dtype=np.int64)
        self.around: Counts = np.zeros((len(TYPES), BEFORE + AFTER, size), dtype=np.int64)
        self.lengths: Counts = np.zeros((len(TYPES), len(REGIONS), WINDOW + 1), dtype=np.int64)

    @property
    def count(self) -> int:
        """Proteins counted."""
        return self.types.total()

    def state(self) -> dict[str, Any]:
        """Everything counted, as plain data for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Have counted what `state` gave, and nothing else. Raises ValueError for anything else."""
        if state.keys() != vars(self).keys():
            raise ValueError("other counts")
        for name, value in state.items():
            own = getattr(self, name)
            if not isinstance(own, np.ndarray):
                setattr(self, name, numbers_like(own, value))
                continue
            restored = np.array(value, own.dtype)
            if restored.shape != own.shape or restored.min() < 0:
                raise ValueError("no counts")
            setattr(self, name, restored)

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Count these too."""
        self.types.update(prediction.type for prediction in predictions)
        for prediction in predictions:
            if found := warning_kinds(prediction):
                self.warnings.update(found)
                self.warned += 1
        text = "".join(prediction.protein.window for prediction in predictions)
        self.residues += np.bincount(_codes(text), minlength=len(AMINO_ACIDS) + 1)[:-1]
        self.signal += _histogram(
            [1 - prediction.probabilities[NO_SP] for prediction in predictions]
        )
        cut = [prediction for prediction in predictions if prediction.cleavage_site]
        self.sites += _histogram([prediction.cleavage_probability or 0.0 for prediction in cut])
        for prediction in cut:
            self._add_lengths(prediction)
        if cut:
            kinds = np.array([TYPES.index(prediction.type) for prediction in cut])
            codes = _codes("".join(map(_surroundings, cut))).reshape(len(cut), -1)
            row, position = np.nonzero(codes < len(AMINO_ACIDS))
            np.add.at(self.around, (kinds[row], position, codes[row, position]), 1)

    def _add_lengths(self, prediction: Prediction) -> None:
        kind = TYPES.index(prediction.type)
        for number, name in enumerate(REGIONS):
            if region := prediction.span(name):
                self.lengths[kind, number, region.end - region.start + 1] += 1

    @property
    def background(self) -> Floats:
        """Fractions of the amino acids (20,) in the windows; one of each is added."""
        counts = self.residues + 1.0
        fractions: Floats = counts / counts.sum()
        return fractions

    def logo(self, type_name: str) -> Floats:
        """Heights of letters (positions, 20) around a type's cut, in bits.

        A position's height is the relative entropy of its composition to the run's own, less the
        small-sample correction (Schneider et al. 1986; 19 / 2n ln 2), not below zero; a letter's
        is its fraction of that.
        """
        counts = self.around[TYPES.index(type_name)].astype(np.float64)
        total = counts.sum(axis=1, keepdims=True)
        fractions = counts / np.maximum(total, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            bits = np.where(fractions > 0, fractions * np.log2(fractions / self.background), 0.0)
        correction = (len(AMINO_ACIDS) - 1) / (2 * np.log(2) * np.maximum(total, 1.0))
        heights: Floats = fractions * np.maximum(bits.sum(axis=1, keepdims=True) - correction, 0.0)
        return heights


def _codes(text: str) -> NDArray[np.int64]:
    return _CODE[np.frombuffer(text.encode("latin-1", "replace"), dtype=np.uint8)]


def _histogram(values: Sequence[float]) -> Counts:
    counts, _ = np.histogram(values, BINS, (0.0, 1.0))
    return counts.astype(np.int64)


def _surroundings(prediction: Prediction) -> str:
    """The residues around the cut, with blanks where the protein has none."""
    site, sequence = prediction.cleavage_site or 0, prediction.protein.sequence
    before, behind = sequence[max(site - BEFORE, 0) : site], sequence[site : site + AFTER]
    return before.rjust(BEFORE) + behind.ljust(AFTER)
