"""From annotation to training targets: the set of states each residue may have.

The annotation says where a signal peptide ends, not where its regions end. So each residue
gets a set of states, and the loss sums over every path inside the sets. Positions below are
0-based; `last` is the last residue of the signal peptide.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import KYTE_DOOLITTLE
from peft_sp.biology.grammar import (
    DECLARATION_OF_TYPE,
    DECLARATIONS,
    NO_SP,
    STATES,
    TOPOLOGY,
    grammar,
    state,
)
from peft_sp.wording import counted

LABEL_OF_TYPE = {declaration.name: declaration.label for declaration in DECLARATIONS}
_HYDROPHOBIC_WINDOW = 7
_PILIN_MOTIF = 5


def cleavage_site(labels: str, type_name: str) -> int | None:
    """1-based position of the last signal peptide residue in a label line; None without one."""
    letter = LABEL_OF_TYPE[type_name]
    return labels.rfind(letter) + 1 or None if letter else None


def allowed_states(sequence: str, labels: str, type_name: str) -> NDArray[np.bool_]:
    """Allowed states (L, S) bool of a labelled window of L residues.

    Raises ValueError if the labels do not belong to the type or allow no path through the
    grammar (a signal peptide too short for its regions).
    """
    if len(sequence) != len(labels):
        raise ValueError(f"{counted(len(sequence), 'residue')} but {counted(len(labels), 'label')}")
    return _allowed_states(labels, type_name, _landmarks(sequence, labels, type_name)).copy()


class _Landmarks(NamedTuple):
    """All that the states depend on of a sequence; 0-based, 0 where the type has none.

    peak: the hydrophobic centre; motif: the start of the twin arginine.
    """

    peak: int = 0
    motif: int = 0


def _landmarks(sequence: str, labels: str, type_name: str) -> _Landmarks:
    """The landmarks of a labelled sequence."""
    declaration, site = DECLARATION_OF_TYPE[type_name], cleavage_site(labels, type_name)
    if site is None or declaration.is_pilin:
        return _Landmarks()
    peak = hydrophobic_centre(sequence[:site])
    motif = twin_arginine(sequence, peak) if declaration.is_twin_arginine else 0
    return _Landmarks(peak, motif)


# Of tens of thousands of proteins most share labels and landmarks with an earlier one.
@lru_cache(maxsize=4096)
def _allowed_states(labels: str, type_name: str, landmarks: _Landmarks) -> NDArray[np.bool_]:
    """Allowed states of labels and landmarks, see `allowed_states`."""
    allowed = np.zeros((len(labels), len(STATES)), dtype=bool)
    site = cleavage_site(labels, type_name)
    if type_name != NO_SP and site is None:
        raise ValueError(f"type {type_name} but no residue is labelled {LABEL_OF_TYPE[type_name]}")
    behind = _topology_states(type_name)
    for index in range(site or 0, len(labels)):
        if labels[index] not in behind:
            raise ValueError(f"label {labels[index]} at residue {index + 1} of type {type_name}")
    states = [behind[label] for label in labels[site or 0 :]]
    allowed[np.arange(site or 0, len(labels)), states] = True
    if site is not None:
        if set(labels[:site]) != {LABEL_OF_TYPE[type_name]}:
            raise ValueError(f"labels before the cleavage site are not all {labels[site - 1]}")
        _allow_signal_peptide(allowed, labels, type_name, landmarks, last=site - 1)
    if not has_legal_path(allowed):
        raise ValueError(f"no path of type {type_name} through the grammar fits these labels")
    return allowed


def _allow_signal_peptide(
    allowed: NDArray[np.bool_], labels: str, type_name: str, landmarks: _Landmarks, last: int
) -> None:
    """Fill in the rows of the signal peptide, and those behind it that its type determines.

    allowed (L, S) is changed in place; last: 0-based. Raises ValueError for a pilin without
    residues labelled M.
    """

    def allow(name: str, start: int, stop: int) -> None:
        allowed[max(start, 0) : stop, state(type_name, name)] = True

    declaration = DECLARATION_OF_TYPE[type_name]
    if declaration.is_pilin:
        motif_end = last + 1 + _PILIN_MOTIF
        membrane = labels.find("M", last)
        if membrane < 0:
            raise ValueError("a pilin needs residues labelled M behind its cleavage site")
        membrane_end = membrane + len(labels[membrane:]) - len(labels[membrane:].lstrip("M"))
        allowed[last + 1 : max(membrane_end, motif_end)] = False
        allow("P", 0, last + 1)
        allow("CS", last + 1, motif_end)
        allow("H", motif_end, membrane_end)
        return

    peak, motif = landmarks
    h_start, h_stop = 2, last + 1 - declaration.behind_h
    if declaration.is_twin_arginine:
        allow("N", 0, motif)
        allow("RR", motif, motif + 2)
        allow("N", motif + 2, motif + 3)
        h_start = motif + 3
    else:
        allow("N", 0, peak)
    allow("H", h_start, max(h_stop, peak + 1))
    if declaration.is_lipoprotein:
        allowed[h_stop : last + 2] = False
        allow("CS", h_stop, last + 1)
        allow("C1", last + 1, last + 2)
    else:
        allow("C", peak + 1, last + 1)


def hydrophobic_centre(signal_peptide: str) -> int:
    """0-based centre of the most hydrophobic 7 residues: start of the first best ones, plus 4.

    Kyte-Doolittle; letters without a value count as 0. Of a shorter peptide, its middle.
    """
    if len(signal_peptide) < _HYDROPHOBIC_WINDOW:
        return len(signal_peptide) // 2
    values = np.array([KYTE_DOOLITTLE.get(letter, 0.0) for letter in signal_peptide])
    sums = np.convolve(values, np.ones(_HYDROPHOBIC_WINDOW), mode="valid")
    # Rounded, so that equal stretches tie whatever the order of the additions.
    return int(np.argmax(sums.round(6))) + _HYDROPHOBIC_WINDOW // 2 + 1


def twin_arginine(sequence: str, peak: int) -> int:
    """0-based start of the twin-arginine motif: the last one that leaves room for the h-region.

    RR is preferred to KR, and KR to a single R with its neighbour; it must end before
    `peak` (0-based). Without any, the two residues after the first serve as the motif.
    """
    for motif in ("RR", "KR"):
        start = sequence.rfind(motif, 0, peak)
        if start >= 0:
            return start
    single = sequence.rfind("R", 0, max(peak - 1, 0))
    return single if single >= 0 else 1


def has_legal_path(allowed: NDArray[np.bool_]) -> bool:
    """Whether some path from a start to an end of the grammar stays in the sets (L, S)."""
    # A set of states is the bits of a number: tens of thousands of labels are checked when read.
    starts, ends = _starts_and_ends()
    first, *rows = (allowed @ _BITS).tolist()
    reached = first & starts
    for row in rows:
        reached = _next_states(reached) & row
    return bool(reached & ends)


_BITS = 1 << np.arange(len(STATES), dtype=np.int64)


@cache
def _starts_and_ends() -> tuple[int, int]:
    return int(grammar().starts @ _BITS), int(grammar().ends @ _BITS)


@cache
def _next_states(reached: int) -> int:
    """The states to which transitions lead from some, each state a bit."""
    return int((((reached & _BITS) > 0) @ grammar().transitions) @ _BITS)


@cache
def _topology_states(type_name: str) -> dict[str, int]:
    """Numbers of a type's states by the labels I, M and O."""
    return {label: state(type_name, label) for label in TOPOLOGY}
