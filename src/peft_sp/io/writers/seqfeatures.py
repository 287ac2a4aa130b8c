"""Predictions as features of Biopython, with the keys that INSDC's feature table has for them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from peft_sp.biology.grammar import DECLARATIONS
from peft_sp.biology.prediction import REGIONS, Prediction
from peft_sp.errors import PeftSpError
from peft_sp.version import __version__

_TITLES = {own.name: own.title for own in DECLARATIONS}
_KEYS = {"PILIN": "propeptide"}
"""What is cut off, of types of which it is no signal peptide for UniProt and INSDC."""


def to_seqfeatures(prediction: Prediction) -> list[Any]:
    """A prediction as `Bio.SeqFeature.SeqFeature`s, none where there is no signal peptide.

    `sig_peptide` (of a pilin `propeptide`), `mat_peptide`, and a `Region` for each region and
    motif. Locations are Biopython's, from 0 and with the end left out, in the protein as it was
    predicted. They go into the `features` of a `SeqRecord`. Raises PeftSpError where Biopython is
    not installed.
    """
    try:
        biopython = import_module("Bio.SeqFeature")
    except ImportError:
        raise PeftSpError("a SeqFeature needs Biopython: pip install biopython") from None
    site, length = prediction.cleavage_site, len(prediction.protein.sequence)
    if not site:
        return []

    def feature(key: str, start: int, end: int, **more: str) -> Any:
        qualifiers = {name: [text] for name, text in more.items()}
        qualifiers["inference"] = [f"ab initio prediction:peft-sp:{__version__}"]
        location = biopython.FeatureLocation(start - 1, end)
        return biopython.SeqFeature(location, type=key, qualifiers=qualifiers)

    cut = prediction.cleavage_probability or 0.0
    note = (
        f"{_TITLES[prediction.type]}; probability {prediction.probability:.4f}, "
        f"of the cleavage site {cut:.4f}"
    )
    features = [feature(_KEYS.get(prediction.type, "sig_peptide"), 1, site, note=note)]
    for name in REGIONS:
        if span := prediction.span(name):
            features.append(feature("Region", span.start, span.end, region_name=name))
    if site < length:
        features.append(feature("mat_peptide", site + 1, length, note="mature protein"))
    return features
