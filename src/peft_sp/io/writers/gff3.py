"""Signal peptides as features of GFF3, strictly by its specification and the Sequence Ontology.

A protein with a signal peptide has a `signal_peptide` and a `mature_protein_region`. The n-, h- and
c-region are parts of the signal peptide; motifs and the lipid-modified cysteine, which the ontology
knows in any protein, are features of their own, as is what a pilin keeps behind its cut.
"""

from __future__ import annotations

import re
from typing import Any, TextIO

from peft_sp.biology.grammar import DECLARATIONS
from peft_sp.biology.prediction import REGIONS, Prediction

FILE = "predictions.gff3"
_TERMS = {
    "n-region": "n_terminal_region",
    "h-region": "central_hydrophobic_region_of_signal_peptide",
    "c-region": "c_terminal_region",
    "lipid-modified cysteine": "post_translationally_modified_region",
}
"""Terms of the Sequence Ontology by region; the other regions are motifs."""
_MOTIF = "polypeptide_conserved_motif"
_PARTS = {"n-region", "h-region", "c-region"}
"""Regions whose terms are part of a signal peptide."""
_KIND = {d.name: f"Name={d.title};type={d.name};pathway={d.mechanism}" for d in DECLARATIONS}
_REGIONS = tuple((name, _TERMS.get(name, _MOTIF), re.sub(r"\W", "_", name)) for name in REGIONS)
"""Each region's name, term and the end of its features' IDs."""
_ESCAPED = re.compile(r"[^a-zA-Z0-9.:^*$@!+_?|-]")
"""What a sequence's name may not hold as it is."""


def rules() -> dict[str, Any]:
    """What the file goes by, for the same file from a browser."""
    return {
        "kinds": _KIND,
        "regions": [list(one) for one in _REGIONS],
        "parts": _PARTS,
        "escaped": _ESCAPED,
    }


class Gff3Writer:
    """Writes `predictions.gff3`; source: who predicted; `begun`: its head stands there already.

    Ids of the proteins must differ, as those of `fasta.FastaInput` do.
    """

    def __init__(self, file: TextIO, source: str, begun: bool = False) -> None:
        self._file = file
        self._source = source
        if not begun:
            file.write("##gff-version 3\n")

    def write(self, prediction: Prediction) -> None:
        """Add the features of a prediction; nothing where it has no signal peptide."""
        site = prediction.cleavage_site
        if not site:
            return
        name, length = escaped(prediction.id), len(prediction.protein.sequence)
        probability = f"{prediction.probability:.6f}"
        cut = f"{prediction.cleavage_probability or 0.0:.6f}"
        kind = f"{_KIND[prediction.type]};cleavage_probability={cut}"
        features = [("signal_peptide", 1, site, probability, f"signal_peptide;{kind}")]
        for region, term, own in _REGIONS:
            if span := prediction.span(region):
                inside = region in _PARTS and span.end <= site
                parent = f";Parent={name}.signal_peptide" if inside else ""
                features.append((term, span.start, span.end, ".", f"{own};Name={region}{parent}"))
        if site < length:
            mature = "mature;Name=mature protein"
            features.append(("mature_protein_region", site + 1, length, cut, mature))
        lines = [
            f"{name}\t{self._source}\t{term}\t{start}\t{end}\t{score}\t.\t.\tID={name}.{more}\n"
            for term, start, end, score, more in features
        ]
        self._file.write(f"##sequence-region {name} 1 {length}\n{''.join(lines)}")


def escaped(name: str) -> str:
    """A sequence's name as GFF3 has it: %XX for each byte of UTF-8 that it may not hold."""
    return _ESCAPED.sub(_percent, name)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))
