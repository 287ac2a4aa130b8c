"""Our own table of predictions: tidy, tab-separated, one row a protein, in input order."""

from __future__ import annotations

from typing import TextIO

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import Prediction, Region

FILE = "predictions.tsv"
COLUMNS = (
    "id",
    "type",
    *(f"p_{name.lower()}" for name in TYPES),
    "cleavage_site",
    "cleavage_probability",
    "n_region",
    "h_region",
    "c_region",
    "motif",
    "length",
    "warnings",
)
_MOTIFS = ("twin-arginine motif", "lipobox", "pilin motif")


class TableWriter:
    """Writes `predictions.tsv` to any text stream; `begun`: its head stands there already."""

    def __init__(self, file: TextIO, begun: bool = False) -> None:
        self._file = file
        if not begun:
            file.write("\t".join(COLUMNS) + "\n")

    def write(self, prediction: Prediction) -> None:
        """Add one row; a field is empty where there is nothing to say."""
        site, chance = prediction.cleavage_site, prediction.cleavage_probability
        row = [
            prediction.id,
            prediction.type,
            *(f"{p:.6f}" for p in prediction.probabilities),
            "" if site is None else str(site),
            "" if chance is None else f"{chance:.6f}",
            *(_span(prediction.regions, name) for name in ("n-region", "h-region", "c-region")),
            _motifs(prediction.regions),
            str(len(prediction.protein.sequence)),
            "; ".join(prediction.protein.warnings),
        ]
        self._file.write("\t".join(row) + "\n")


def _span(regions: tuple[Region, ...], name: str) -> str:
    """First to last residue of a region: an n-region goes on behind its twin-arginine motif."""
    own = [region for region in regions if region.name == name]
    return f"{own[0].start}-{own[-1].end}" if own else ""


def _motifs(regions: tuple[Region, ...]) -> str:
    """Motifs as "name start-end"; a lipobox takes in the cysteine behind the cut."""
    found = []
    for region in regions:
        if region.name in _MOTIFS:
            end = region.end + (region.name == "lipobox")
            found.append(f"{region.name.removesuffix(' motif')} {region.start}-{end}")
    return "; ".join(found)
