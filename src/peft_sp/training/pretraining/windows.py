"""The windows that a backbone is pretrained on: read, made distinct, excluded, held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import ORGANISM_GROUPS, WINDOW
from peft_sp.errors import InputError
from peft_sp.io.fasta import open_input
from peft_sp.io.organism import organism_of
from peft_sp.io.raw_fasta import read_raw
from peft_sp.wording import counted

BEGINNING = 60
"""Residues by which windows are compared: collections of sequences are cut at different lengths."""
UNKNOWN_ORGANISM = "unknown"
Purpose = Literal["held out", "order", "masks", "held-out masks", "network"]
PURPOSES: tuple[Purpose, ...] = ("held out", "order", "masks", "held-out masks", "network")
"""What random streams are for; their order is part of every stream, so new ones come last."""


def random_stream(seed: int, purpose: Purpose, number: int = 0) -> np.random.Generator:
    """The generator of one pass's order or of one step's masks, independent of all others.

    It depends on nothing that came before, so that a resumed run needs no state of it.
    """
    key = (PURPOSES.index(purpose), number)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


@dataclass(frozen=True)
class Counts:
    """What became of the records of the files."""

    records: int
    repeated: int
    excluded: int
    train: int
    held_out: int


@dataclass(frozen=True)
class PretrainingWindows:
    """Codes (N, WINDOW) uint8 to train on and (M, WINDOW) to measure on, padded.

    groups: the organism of each held-out window, by its header. sha256: of all windows in their
    order, whatever files they came from.
    """

    train: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    groups: tuple[str, ...]
    counts: Counts
    sha256: str


def read_windows(
    unlabelled: Iterable[str], exclude: Iterable[str], held_out: int, seed: int
) -> PretrainingWindows:
    """Read the windows of FASTA files, without what `exclude` names.

    Of windows that begin alike the first is kept. `held_out` of them are drawn by the seed.
    Raises InputError where a file cannot be read or too few windows are left.
    """
    files = list(unlabelled)
    left_out = {beginning for path in exclude for beginning in beginnings(path)}
    windows: dict[str, tuple[str, str]] = {}
    records = excluded = 0
    with open_input(files) as source:
        for protein in source.proteins():
            records += 1
            key = protein.window[:BEGINNING]
            if key in left_out:
                excluded += 1
            else:
                windows.setdefault(key, (protein.window, protein.header))
    if len(windows) <= held_out:
        raise InputError(
            f"{counted(len(windows), 'window')} left of {counted(records, 'record')}; to hold out "
            f"{held_out:,}, more are needed",
            path=files[0],
        )
    kept = list(windows.values())
    codes = encode([window for window, _ in kept], WINDOW)
    drawn = np.sort(random_stream(seed, "held out").permutation(len(kept))[:held_out])
    train = np.ones(len(kept), dtype=bool)
    train[drawn] = False
    repeated = records - excluded - len(kept)
    return PretrainingWindows(
        codes[train],
        codes[drawn],
        tuple(organism_of(kept[row][1]) or UNKNOWN_ORGANISM for row in drawn),
        Counts(records, repeated, excluded, len(kept) - held_out, held_out),
        hashlib.sha256(codes.data).hexdigest(),
    )


def beginnings(path: str) -> Iterable[str]:
    """The first residues of a file's proteins, in FASTA or in the three-line format."""
    for raw in read_raw(path):
        fields = raw.header.split("|")
        labelled = len(fields) == 4 and fields[1] in ORGANISM_GROUPS
        # As FASTA, a labelled protein's line of labels goes on with its sequence.
        sequence = raw.sequence[: len(raw.sequence) // 2] if labelled else raw.sequence
        yield sequence.upper()[:BEGINNING]
