"""The signal peptide types and the state grammar, derived from one declaration a type.

A protein's first residues are read as a path through states. Each type owns its states
and no transition joins two types, so with forbidden transitions at exactly minus infinity
the marginals of a type's states sum to P(type | sequence) at every position.

State numbers follow from the order of the declarations; trained models depend on them, so
a change here is a change of `GRAMMAR_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
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


@dataclass(frozen=True, kw_only=True)
class TypeDeclaration:
    """All facts of one type; states, targets, columns and files are derived from them.

    signalp6_name, title: what SignalP 6 calls it in tables and in `output.json`.
    mechanism: what translocates the protein and which peptidase cuts it, as "Sec/SPI".
    label: the letter of the signal peptide's residues in three-line label files.
    steps: arrows between its states; every state may also repeat, except those in `once`.
    starts: the states a protein may begin in.
    cut_after: the state of the signal peptide's last residue, "" where nothing is cut.
    behind_h: residues between h-region and cut, at least (those of the c-region or lipobox).
    contrasts: the pairs of states whose regions should differ in composition, as published.
    eukaryotic: whether eukaryotes have it, as well as bacteria and archaea.
    feature, note: GFF3's feature of its signal peptide, and the attribute that tells it apart.
    """

    name: str
    signalp6_name: str
    title: str
    mechanism: str = ""
    label: str = ""
    steps: str = ""
    once: tuple[str, ...] = ()
    starts: tuple[str, ...] = ("N",)
    cut_after: str = ""
    behind_h: int = 2
    contrasts: tuple[tuple[str, str], ...] = ()
    eukaryotic: bool = False
    feature: str = "signal_peptide"
    note: str = "."

    @property
    def arrows(self) -> list[tuple[str, str]]:
        """Its transitions [from, to], those of the topology aside."""
        return _arrows(self.steps)

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Names of its states, those of the topology last."""
        own = dict.fromkeys(name for arrow in self.arrows for name in arrow)
        return (*(name for name in own if name not in TOPOLOGY), *TOPOLOGY)

    @property
    def is_twin_arginine(self) -> bool:
        """Whether its n-region has a twin-arginine motif."""
        return "RR" in self.states

    @property
    def is_lipoprotein(self) -> bool:
        """Whether it is cut before a cysteine that carries a lipid, behind a lipobox."""
        return "C1" in self.states

    @property
    def is_pilin(self) -> bool:
        """Whether it is cut behind the n-region, so that the protein keeps motif and h-region."""
        return "P" in self.states


def _arrows(steps: str) -> list[tuple[str, str]]:
    """Transitions [from, to] of some steps: "A->B->C, D->A" has three."""
    chains = [chain.strip() for chain in steps.split(",")]
    return [arrow for chain in chains for arrow in pairwise(chain.split("->"))]


DECLARATIONS = (
    TypeDeclaration(
        name="NO_SP",
        signalp6_name="OTHER",
        title="Other",
        starts=("I", "O"),
        eukaryotic=True,
    ),
    TypeDeclaration(
        name="SP",
        signalp6_name="SP",
        title="Signal Peptide (Sec/SPI)",
        mechanism="Sec/SPI",
        label="S",
        steps="N->H->C->O",
        cut_after="C",
        behind_h=3,
        contrasts=(("N", "H"), ("H", "C")),
        eukaryotic=True,
    ),
    TypeDeclaration(
        name="LIPO",
        signalp6_name="LIPO",
        title="Lipoprotein signal peptide (Sec/SPII)",
        mechanism="Sec/SPII",
        label="L",
        steps="N->H->CS->C1->O",
        once=("C1",),
        cut_after="CS",
        contrasts=(("N", "H"),),
        feature="lipoprotein_signal_peptide",
    ),
    TypeDeclaration(
        name="TAT",
        signalp6_name="TAT",
        title="TAT signal peptide (Tat/SPI)",
        mechanism="Tat/SPI",
        label="T",
        steps="N->RR->N, N->H->C->O",
        cut_after="C",
        contrasts=(("H", "C"),),
        note="Note=TAT",
    ),
    TypeDeclaration(
        name="TATLIPO",
        signalp6_name="TATLIPO",
        title="TAT Lipoprotein signal peptide (Tat/SPII)",
        mechanism="Tat/SPII",
        label="T",
        steps="N->RR->N, N->H->CS->C1->O",
        once=("C1",),
        cut_after="CS",
        feature="lipoprotein_signal_peptide",
        note="Note=TAT",
    ),
    TypeDeclaration(
        name="PILIN",
        signalp6_name="PILIN",
        title="Pilin-like signal peptide (Sec/SPIII)",
        mechanism="Sec/SPIII",
        label="P",
        steps="P->CS->H->O, H->M, H->I",
        starts=("P",),
        cut_after="P",
        note="Note=Pilin",
    ),
)

TYPES = tuple(declaration.name for declaration in DECLARATIONS)
DECLARATION_OF_TYPE = {declaration.name: declaration for declaration in DECLARATIONS}
NO_SP = TYPES[0]
EUKARYOTIC_TYPES = tuple(declaration.name for declaration in DECLARATIONS if declaration.eukaryotic)
"""The types that eukaryotes have; the others belong to bacteria and archaea."""


@dataclass(frozen=True)
class State:
    """One CRF state: its number, its type and its name within the type."""

    index: int
    type: str
    name: str


STATES = tuple(
    State(index, type_name, name)
    for index, (type_name, name) in enumerate(
        (declaration.name, name) for declaration in DECLARATIONS for name in declaration.states
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
        number = {name: state(declaration.name, name) for name in declaration.states}
        for name, index in number.items():
            transitions[index, index] = name not in declaration.once
        for source, target in declaration.arrows + _arrows(_TOPOLOGY_STEPS):
            transitions[number[source], number[target]] = True
        cuts += [
            (number[source], number[target])
            for source, target in declaration.arrows
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
