"""PEFT-SP: signal peptides, their types, cleavage sites and regions.

From Python:

    import peft_sp

    for prediction in peft_sp.load("fast").predict(peft_sp.read_fasta("proteins.faa")):
        print(prediction.id, prediction.type, prediction.cleavage_site)
"""

from __future__ import annotations

from peft_sp.biology.prediction import Prediction, Protein, Region
from peft_sp.errors import PeftSpError
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.io.fasta import read_fasta
from peft_sp.version import __version__

__all__ = [
    "PeftSpError",
    "Prediction",
    "Predictor",
    "Protein",
    "Region",
    "__version__",
    "load",
    "read_fasta",
]
