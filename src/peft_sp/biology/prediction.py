"""Proteins and their predictions, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology import drawing
from peft_sp.biology.grammar import (
    DECLARATION_OF_TYPE,
    DECLARATIONS,
    NO_SP,
    STATES,
    TOPOLOGY,
    WINDOW,
    State,
)

OTHER = "Other"
_MEANING = {
    "N": ("n-region", "n"),
    "P": ("n-region", "P"),
    "RR": ("twin-arginine motif", "RR"),
    "H": ("h-region", "h"),
    "C": ("c-region", "c"),
    "CS": ("lipobox", "lipobox"),
    "C1": ("lipid-modified cysteine", "cys"),
    **dict.fromkeys(TOPOLOGY, ("", "")),
}
"""State by name -> the region it stands for, and what its column is called; "" for topology."""
_PILIN_MEANING = {**_MEANING, "CS": ("pilin motif", "cons.")}
MECHANISM_OF_TYPE = {declaration.name: declaration.mechanism for declaration in DECLARATIONS}


def _meaning(state: State) -> tuple[str, str]:
    return (_PILIN_MEANING if DECLARATION_OF_TYPE[state.type].is_pilin else _MEANING)[state.name]


REGION_OF_STATE = tuple(_meaning(state)[0] for state in STATES)
"""Region a state stands for, "" for topology."""
REGIONS = tuple(dict.fromkeys(name for name in REGION_OF_STATE if name))
"""Names of all regions of signal peptides."""
SIGNAL_PEPTIDE = "signal peptide"
"""What `Prediction.span` calls all of it, from the first residue to the cleavage site."""
_PARTS = {
    **{name: (name,) for name in REGIONS},
    "lipobox": ("lipobox", "lipid-modified cysteine"),
    SIGNAL_PEPTIDE: (),
}
"""The regions that a region's span takes in."""


def parts(region: str) -> tuple[str, ...] | None:
    """The regions that a region's span takes in; () for the whole, None for no such region."""
    return _PARTS.get(region)


def _column(state: State) -> str:
    name = _meaning(state)[1]
    return f"{MECHANISM_OF_TYPE[state.type]} {name}" if name else OTHER


COLUMN_OF_STATE = tuple(map(_column, STATES))
"""Column of `Marginals.regions` that a state adds to."""
MARGINAL_COLUMNS = tuple(dict.fromkeys(COLUMN_OF_STATE))
"""Columns of `Marginals.regions`: "Other" (no signal peptide, or behind it), then the regions of
each mechanism, as "Sec/SPI n", named as SignalP 6 names them, which has no name for a lipobox."""


@dataclass(frozen=True, slots=True)
class Protein:
    """A cleaned protein: upper case, only letters that a network knows, never empty.

    header: the whole header line without '>'; warnings: what cleaning changed; line: of the header
    in its file, 0 where there is none; file: the name of that file where a run has several.
    """

    header: str
    sequence: str
    warnings: tuple[str, ...] = ()
    line: int = 0
    file: str = ""

    @property
    def id(self) -> str:
        """The header's first word."""
        return (self.header.split(None, 1) or [""])[0]

    @property
    def window(self) -> str:
        """The first residues, which are all that a model reads."""
        return self.sequence[:WINDOW]


@dataclass(frozen=True, slots=True)
class Region:
    """A run of residues start..end, 1-based and inclusive."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CleavageSite:
    """A site that a protein may be cut at.

    type: of the signal peptide. position: the last residue before the cut, 1-based.
    probability: P(this type and this cut).
    """

    type: str
    position: int
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Marginals:
    """Marginal probabilities at each of a window's L residues.

    regions (L, R) float32: P(region at the residue), whose columns are `columns`; each row sums
    to 1. cleavage (L,) float32: P(the predicted type, and a cut behind the residue), zero
    without a signal peptide; largest at the predicted site.
    """

    columns: ClassVar[tuple[str, ...]] = MARGINAL_COLUMNS
    regions: NDArray[np.float32]
    cleavage: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one protein.

    type: one of `TYPES`. probabilities: P(type) by its name, in the order of `TYPES`; 0 for types
    that the organism does not have. cleavage_site: the last residue before the cut, 1-based;
    cleavage_probability: P(this type and this cut); both None without a signal peptide. regions:
    in order. marginals: None unless `predict` was called with `marginals=True`; they are left
    out where two predictions are compared. organism: "eukarya" or "other", as it was predicted;
    undecided: predicted as "other" because the header does not name the organism.
    sites: `cleavage_site` and then less probable ones of the same type; with a threshold, those of
    the most probable type of signal peptide also where none is predicted. notes: what speaks
    against trusting the prediction as it is.
    """

    protein: Protein
    type: str
    probabilities: Mapping[str, float] = field(hash=False)
    cleavage_site: int | None = None
    cleavage_probability: float | None = None
    regions: tuple[Region, ...] = ()
    marginals: Marginals | None = field(default=None, compare=False, repr=False)
    organism: str = "other"
    undecided: bool = False
    sites: tuple[CleavageSite, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The protein's id."""
        return self.protein.id

    @property
    def is_signal_peptide(self) -> bool:
        """Whether any type of signal peptide is predicted."""
        return self.type != NO_SP

    @property
    def probability(self) -> float:
        """P(the predicted type)."""
        return self.probabilities[self.type]

    @property
    def signal_peptide_probability(self) -> float:
        """P(a signal peptide of any type)."""
        return max(1.0 - self.probabilities[NO_SP], 0.0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cleaning changed in the protein, and the notes on the prediction."""
        return (*self.protein.warnings, *self.notes) if self.notes else self.protein.warnings

    @property
    def mature_start(self) -> int | None:
        """The first residue behind the cut, 1-based; None without a signal peptide."""
        return self.cleavage_site + 1 if self.cleavage_site else None

    @property
    def signal_peptide(self) -> str:
        """The sequence before the cut, "" without a signal peptide."""
        return self.protein.sequence[: self.cleavage_site or 0]

    @property
    def mature(self) -> str:
        """The sequence behind the cut; all of it without a signal peptide."""
        return self.protein.sequence[self.cleavage_site or 0 :]

    def span(self, region: str) -> Region | None:
        """A region from its first to its last residue, None where the prediction has none.

        An n-region goes on behind its twin-arginine motif, and the cysteine behind the cut is the
        last residue of a lipobox. "signal peptide" is the whole, up to the cleavage site.
        Raises ValueError for a name that is neither this nor one of `REGIONS`.
        """
        own_parts = parts(region)
        if own_parts is None:
            names = ", ".join(_PARTS)
            raise ValueError(f"a region is one of {names}, not {region!r}")
        if not self.cleavage_site:
            return None
        if region == SIGNAL_PEPTIDE:
            return Region(region, 1, self.cleavage_site)
        own = [part for part in self.regions if part.name in own_parts]
        return Region(region, own[0].start, own[-1].end) if own else None

    def plot(self, ax: Any = None) -> Any:
        """Draw it with matplotlib, on this Axes or on a new figure; the Axes.

        With marginals, curves show the probabilities at each residue; without, residues and
        predicted regions are drawn alone. Raises MissingExtraError without matplotlib.
        """
        return drawing.registered().plot(self, ax)

    def _repr_svg_(self) -> str:
        """The picture in a notebook; without marginals, residues and predicted regions alone."""
        return drawing.registered().svg(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the marginals, as what JSON holds: numbers, texts, lists, None."""
        return {
            "id": self.id,
            "header": self.protein.header,
            "sequence": self.protein.sequence,
            "warnings": list(self.warnings),
            "organism": str(self.organism),
            "undecided": self.undecided,
            "type": self.type,
            "probabilities": dict(self.probabilities),
            "cleavage_site": self.cleavage_site,
            "cleavage_probability": self.cleavage_probability,
            "sites": [
                {"type": site.type, "position": site.position, "probability": site.probability}
                for site in self.sites
            ],
            "regions": [
                {"name": region.name, "start": region.start, "end": region.end}
                for region in self.regions
            ],
        }
