"""The signal peptide types and the state grammar, derived from one declaration a type.

A protein's first residues are read as a path through 37 states. Each type owns its states
and no transition joins two types, so with forbidden transitions at exactly minus infinity
the marginals of a type's states sum to P(type | sequence) at every position.

State numbers follow from the order of the declarations; trained models depend on them, so
a change here is a change of `GRAMMAR_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GRAMMAR_VERSION = 1
WINDOW = 70
"""Residues of a protein that are read, counted from its N-terminus."""

ORGANISM_GROUPS = ("EUKARYA", "POSITIVE", "NEGATIVE", "ARCHAEA")
TOPOLOGY = ("I", "M", "O")
"""Inside (cytoplasm), membrane, outside: the states after a signal peptide, or without one."""
_TOPOLOGY_STEPS = "I->M->O, O->M->I"


@dataclass(frozen=True)
class TypeDeclaration:
    """All facts of one type; everything else in this module is derived from them.

    steps: arrows between its states; every state may also repeat, except those in `once`.
    cut_after: the state of the signal peptide's last residue, "" where nothing is cut.
    starts: the states a protein may begin in.
    label: the letter of the signal peptide's residues in three-line label files.
    signalp6_name, title: what SignalP 6 calls it in tables and in `output.json`.
    feature, note: GFF3's feature of its signal peptide, and the attribute that tells it apart.
    """

    name: str
    signalp6_name: str
    mechanism: str
    label: str
    steps: str
    cut_after: str
    starts: tuple[str, ...]
    once: tuple[str, ...] = ()
    title: str = ""
    feature: str = "signal_peptide"
    note: str = "."


DECLARATIONS = (
    TypeDeclaration("NO_SP", "OTHER", "", "", "", "", ("I", "O"), title="Other"),
    TypeDeclaration(
        *("SP", "SP", "Sec/SPI", "S", "N->H->C->O", "C", ("N",)),
        title="Signal Peptide (Sec/SPI)",
    ),
    TypeDeclaration(
        *("LIPO", "LIPO", "Sec/SPII", "L", "N->H->CS->C1->O", "CS", ("N",)),
        once=("C1",),
        title="Lipoprotein signal peptide (Sec/SPII)",
        feature="lipoprotein_signal_peptide",
    ),
    TypeDeclaration(
        *("TAT", "TAT", "Tat/SPI", "T", "N->RR->N, N->H->C->O", "C", ("N",)),
        title="TAT signal peptide (Tat/SPI)",
        note="Note=TAT",
    ),
    TypeDeclaration(
        *("TATLIPO", "TATLIPO", "Tat/SPII", "T", "N->RR->N, N->H->CS->C1->O", "CS", ("N",)),
        once=("C1",),
        title="TAT Lipoprotein signal peptide (Tat/SPII)",
        feature="lipoprotein_signal_peptide",
        note="Note=TAT",
    ),
    TypeDeclaration(
        *("PILIN", "PILIN", "Sec/SPIII", "P", "P->CS->H->O, H->M, H->I", "P", ("P",)),
        title="Pilin-like signal peptide (Sec/SPIII)",
        note="Note=Pilin",
    ),
)

TYPES = tuple(declaration.name for declaration in DECLARATIONS)
NO_SP = TYPES[0]
EUKARYOTIC_TYPES = ("NO_SP", "SP")
"""The types that eukaryotes have; the others belong to bacteria and archaea."""


@dataclass(frozen=True)
class State:
    """One CRF state: its number, its type and its name within the type."""

    index: int
    type: str
    name: str


def _arrows(steps: str) -> list[tuple[str, str]]:
    """Transitions [from, to] of a declaration's steps: "A->B->C, D->A" has three."""
    chains = [chain.strip() for chain in steps.split(",")]
    return [arrow for chain in chains for arrow in pairwise(chain.split("->"))]


def _names(declaration: TypeDeclaration) -> tuple[str, ...]:
    """Names of a type's states, those of the topology last."""
    own = dict.fromkeys(name for arrow in _arrows(declaration.steps) for name in arrow)
    return (*(name for name in own if name not in TOPOLOGY), *TOPOLOGY)


STATES = tuple(
    State(index, type_name, name)
    for index, (type_name, name) in enumerate(
        (declaration.name, name) for declaration in DECLARATIONS for name in _names(declaration)
    )
)
_NUMBER = {(state.type, state.name): state.index for state in STATES}


def state(type_name: str, name: str) -> int:
    """Number of a type's state: that of LIPO's C1 is 12. Raises KeyError."""
    return _NUMBER[type_name, name]


def states_named(name: str) -> tuple[int, ...]:
    """Numbers of all states called `name`, over all types."""
    return tuple(state.index for state in STATES if state.name == name)


@dataclass(frozen=True)
class Grammar:
    """The grammar as arrays over S states and K types; what the CRF and the decoder read.

    transitions (S, S) bool: [from, to]; starts, ends (S,) bool;
    type_of_state (S,) int: index into `TYPES`; before_cut (S,) bool: the states up to and
    with the last residue of a signal peptide; cuts (E, 2) int: the transitions [from, to]
    between whose residues the peptidase cuts.
    """

    transitions: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    type_of_state: NDArray[np.int64]
    before_cut: NDArray[np.bool_]
    cuts: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Number of states."""
        return len(self.starts)


@cache
def grammar() -> Grammar:
    """The grammar of signal peptides, derived from `DECLARATIONS`; arrays are read-only."""
    size = len(STATES)
    transitions = np.zeros((size, size), dtype=bool)
    starts, ends, before_cut = (np.zeros(size, dtype=bool) for _ in range(3))
    cuts: list[tuple[int, int]] = []
    for declaration in DECLARATIONS:
        number = {name: state(declaration.name, name) for name in _names(declaration)}
        for name, index in number.items():
            transitions[index, index] = name not in declaration.once
        arrows = _arrows(declaration.steps)
        for source, target in arrows + _arrows(_TOPOLOGY_STEPS):
            transitions[number[source], number[target]] = True
        cuts += [
            (number[source], number[target])
            for source, target in arrows
            if source == declaration.cut_after
        ]
        starts[[number[name] for name in declaration.starts]] = True
        ends[[number[name] for name in TOPOLOGY]] = True
        if declaration.cut_after:
            before_cut[_leading_to(number[declaration.cut_after], transitions)] = True
    type_of_state = np.array([TYPES.index(state.type) for state in STATES])
    built = Grammar(transitions, starts, ends, type_of_state, before_cut, np.array(cuts))
    for array in vars(built).values():
        array.setflags(write=False)
    return built


def _leading_to(target: int, transitions: NDArray[np.bool_]) -> list[int]:
    """The states from which paths lead to `target`, itself included."""
    leading = {target}
    while True:
        before = {int(s) for t in leading for s in np.flatnonzero(transitions[:, t])}
        if before <= leading:
            return sorted(leading)
        leading |= before
