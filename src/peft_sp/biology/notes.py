"""What speaks against a prediction: notes that a biologist wants to see beside it.

A note has one wording, so that a run can count it. How often the note on anchors is right was
measured (docs/guide.md, "Warnings").
"""

from __future__ import annotations

import re
from typing import Any

from peft_sp.biology.alphabet import KYTE_DOOLITTLE, N_TERMINAL, UNKNOWN, encode, hydropathy_peaks
from peft_sp.biology.grammar import NO_SP
from peft_sp.biology.organism import Organism
from peft_sp.biology.prediction import Prediction

UNDECIDED = "organism not known from the header, predicted as other"
NOT_M = "does not begin with M"
PARTIAL = "partial by its header"
ANCHOR = "signal peptide may be a transmembrane anchor"
LITTLE_LEFT = "signal peptide leaves fewer than 10 residues"
OF_ANOTHER = {
    Organism.OTHER: "of a eukaryote by its header, predicted as other",
    Organism.EUKARYA: "of a bacterium or archaeon by its header, predicted as eukarya",
}
"""By the organism that was predicted for."""
CHANGED = "sequence changed while it was read"
HEADER_CHANGED = "header changed while it was read"
RENAMED = "renamed, as its id occurred before"
MOSTLY_UNKNOWN = f"mostly {UNKNOWN}: little to predict from"
LIKE_NUCLEOTIDES = "all letters are those of nucleotides"
COMMENTS = "comment line(s) left out"
OF_HEADER, OF_NAME = "header: ", "stands more than once, called "
"""What is in warnings about a header, and about a name that occurred before."""
_KINDS = {
    OF_NAME: RENAMED,
    OF_HEADER: HEADER_CHANGED,
    COMMENTS: COMMENTS,
    MOSTLY_UNKNOWN: MOSTLY_UNKNOWN,
    LIKE_NUCLEOTIDES: LIKE_NUCLEOTIDES,
}
"""Kinds of the warnings that say such a thing; of all others it is `CHANGED`.

A warning's own wording holds numbers and names, and is no kind.
"""
LEAST_LEFT = 10
MEMBRANE, MEMBRANE_HYDROPATHY = 19, 1.6
"""Residues that span a membrane, and their mean hydropathy (Kyte and Doolittle 1982)."""
DOUBT = 0.2
"""P(no signal peptide) from which on a signal peptide may as well be an anchor."""

_WORDS = re.compile(
    # NCBI and others, at a description's end: within it, the word belongs to a name; UniProt;
    # TransDecoder, whose "3prime_partial" has its beginning; Prodigal
    r", (?:partial|fragment)(?=$|[,;]| [\[(|])|\bfragment, truncated\b|\(Fragments?\)"
    r"|5prime_partial|type:internal|start_type=Edge"
)


def rules() -> dict[str, Any]:
    """What the notes go by, for the same notes in a browser."""
    return {
        "undecided": UNDECIDED,
        "notM": NOT_M,
        "partial": PARTIAL,
        "anchor": ANCHOR,
        "littleLeft": LITTLE_LEFT,
        "ofAnother": OF_ANOTHER,
        "changed": CHANGED,
        "kinds": _KINDS,
        "leastLeft": LEAST_LEFT,
        "membrane": MEMBRANE,
        "membraneHydropathy": MEMBRANE_HYDROPATHY,
        "doubt": DOUBT,
        "words": _WORDS,
        "hydropathy": KYTE_DOOLITTLE,
        "nTerminal": N_TERMINAL,
    }


def notes_on(prediction: Prediction, named: Organism | None = None) -> tuple[str, ...]:
    """Notes on a prediction; named: the organism that the header names, None for none."""
    protein = prediction.protein
    found = []
    if prediction.undecided:
        found.append(UNDECIDED)
    elif named is not None and named != prediction.organism:
        found.append(OF_ANOTHER[Organism(prediction.organism)])
    if protein.sequence[0] != "M":
        found.append(NOT_M)
    if is_partial(protein.header):
        found.append(PARTIAL)
    if site := prediction.cleavage_site:
        if len(protein.sequence) - site < LEAST_LEFT:
            found.append(LITTLE_LEFT)
        if prediction.probabilities[NO_SP] >= DOUBT and spans_a_membrane(protein.window):
            found.append(ANCHOR)
    return tuple(found)


def warning_kinds(prediction: Prediction) -> tuple[str, ...]:
    """The kinds of warning that a prediction has, for those who count or filter."""
    if not prediction.protein.warnings:
        return prediction.notes
    changed = dict.fromkeys(map(_kind, prediction.protein.warnings))
    return (*prediction.notes, *changed)


def _kind(warning: str) -> str:
    return next((kind for text, kind in _KINDS.items() if text in warning), CHANGED)


def is_partial(header: str) -> bool:
    """Whether a header says that the beginning of the protein may be missing."""
    # Most headers have none of these letters; looking for them is the fastest way to know.
    likely = "artial" in header or "ragment" in header or "type" in header
    return likely and _WORDS.search(header) is not None


def spans_a_membrane(window: str) -> bool:
    """Whether a stretch near the N-terminus is hydrophobic and long enough to span a membrane."""
    peaks, _ = hydropathy_peaks(encode([window]), MEMBRANE)
    return bool(peaks[0] >= MEMBRANE_HYDROPATHY)
