"""SignalP 6's table of a protein's residues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import DECLARATION_OF_TYPE
from peft_sp.biology.prediction import MARGINAL_COLUMNS, OTHER, Marginals, Prediction

# The real table has no column for a lipobox, whose residues are nothing else in it.
COLUMNS = tuple(name for name in MARGINAL_COLUMNS if not name.endswith("lipobox"))
_FOLD = np.array(
    [
        [column == (name if name in COLUMNS else OTHER) for column in COLUMNS]
        for name in MARGINAL_COLUMNS
    ],
    dtype=np.float64,
)
_HEAD = "\t".join(("# pos", "aa", "label", *COLUMNS))
_LABELS = {
    "n-region": b"N",
    "h-region": b"H",
    "c-region": b"C",
    "twin-arginine motif": b"R",
    "lipobox": b"L",
    "lipid-modified cysteine": b"c",
    "pilin motif": b"c",
}
_DIGITS = np.array([list(b"%03d" % number) for number in range(1000)], dtype=np.uint8)
_POSITIONS = np.array([list(b"%2d" % number) for number in range(1, 100)], dtype=np.uint8)
_CELL = 9
"""Bytes of a tab and a number such as 0.123456."""


def residue_table(prediction: Prediction, marginals: Marginals) -> bytes:
    """Position, residue, label and probabilities of each residue that was read."""
    window = prediction.protein.window
    head = f"# Name={prediction.protein.header}\n{_HEAD}\n"
    return head.encode() + _rows(window, _labels(prediction), marginals.regions @ _FOLD)


def _labels(prediction: Prediction) -> bytes:
    """One letter a residue: its region, O outside of the signal peptide."""
    labels = bytearray(b"O" * len(prediction.protein.window))
    for region in prediction.regions:
        letter = _LABELS[region.name]
        if region.name == "n-region" and DECLARATION_OF_TYPE[prediction.type].is_pilin:
            letter = b"P"
        labels[region.start - 1 : region.end] = letter * (region.end - region.start + 1)
    return bytes(labels)


def _rows(window: str, labels: bytes, values: NDArray[np.float64]) -> bytes:
    """Lines for residues with values (L, R) in 0..1; all at once: most of a run's time goes here.

    Each line is laid out with a position of two letters, and the first nine lose their blank.
    """
    length, columns = values.shape
    text = np.empty((length, 6 + columns * _CELL + 1), dtype=np.uint8)
    text[:, :2] = _POSITIONS[:length]
    text[:, 2] = text[:, 4] = ord("\t")
    text[:, 3] = np.frombuffer(window.encode("ascii"), dtype=np.uint8)
    text[:, 5] = np.frombuffer(labels, dtype=np.uint8)
    cells = np.empty((length, columns, _CELL), dtype=np.uint8)
    millionths = np.rint(values * 1e6).astype(np.int64)
    cells[..., 0], cells[..., 2] = ord("\t"), ord(".")
    cells[..., 1] = ord("0") + millionths // 1_000_000
    cells[..., 3:6] = _DIGITS[millionths // 1000 % 1000]
    cells[..., 6:] = _DIGITS[millionths % 1000]
    text[:, 6:-1] = cells.reshape(length, -1)
    text[:, -1] = ord("\n")
    return text[:9, 1:].tobytes() + text[9:].tobytes()
