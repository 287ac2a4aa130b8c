"""Published figures to compare with, as plain data.

Sources: SignalP 6.0, Teufel et al., Nature Biotechnology 40, 1023-1025 (2022); PEFT-SP, Zeng et
al., Genome Research 34, 1445-1454 (2024; preprint 2023), who adapted ESM-2 3B and give the
figures of SignalP 6.0 beside theirs. All are means over the six models of the published protocol:
for each ordered pair of the three partitions as test and validation set, one model that learned
from the third. A figure of predictions pooled over folds is near to such a mean, not the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peft_sp.io.registry.accuracy import BIG_CLASSES

SIGNALP6_DATA = "d0e286e96165fad5d86f0b7dfadd9eaf084b0f3668a796062851b2988b1b3943"
"""SHA-256 of the labelled proteins that the figures here are of, SignalP 6.0's training set as it
is published (`train_set.fasta`). Of no other data is anything said that is known of these."""

SIGNALP6_LICENCE = (
    "The labels are those of SignalP 6.0's training set. The repository that they come from is "
    "under CC BY-NC-ND 4.0 as a whole, and names no licence of the data; the published PEFT-SP "
    "redistributes them under MIT."
)
"""What a model says that learned from this data; `docs/labelled-data.md` has more."""
SIGNALP6_NAME = "SignalP 6.0's training set, Teufel et al. 2022"


def is_comparable(sources: Mapping[str, Any] | None) -> bool:
    """Whether figures were measured on the data of the published ones.

    sources: of a cross-validation, as `metrics.json` has them; None where it does not say.
    """
    return sources is not None and sources.get("data_sha256") == SIGNALP6_DATA


SIGNALP6_MCC2 = {
    ("EUKARYA", "SP"): 0.958,
    ("POSITIVE", "SP"): 0.770,
    ("POSITIVE", "LIPO"): 0.882,
    ("POSITIVE", "TAT"): 0.799,
    ("POSITIVE", "TATLIPO"): 0.786,
    ("POSITIVE", "PILIN"): 0.902,
    ("NEGATIVE", "SP"): 0.804,
    ("NEGATIVE", "LIPO"): 0.929,
    ("NEGATIVE", "TAT"): 0.962,
    ("NEGATIVE", "TATLIPO"): 0.486,
    ("NEGATIVE", "PILIN"): 0.902,
    ("ARCHAEA", "SP"): 0.793,
    ("ARCHAEA", "LIPO"): 0.825,
    ("ARCHAEA", "TAT"): 0.563,
    ("ARCHAEA", "TATLIPO"): 0.718,
    ("ARCHAEA", "PILIN"): 0.426,
}
"""MCC2 of SignalP 6.0 per organism group and type."""

LORA_3B_MCC2 = {
    ("EUKARYA", "SP"): 0.960,
    ("POSITIVE", "SP"): 0.848,
    ("POSITIVE", "LIPO"): 0.939,
    ("POSITIVE", "TAT"): 0.850,
    ("POSITIVE", "TATLIPO"): 0.783,
    ("POSITIVE", "PILIN"): 1.0,
    ("NEGATIVE", "SP"): 0.809,
    ("NEGATIVE", "LIPO"): 0.945,
    ("NEGATIVE", "TAT"): 0.961,
    ("NEGATIVE", "TATLIPO"): 0.520,
    ("NEGATIVE", "PILIN"): 0.919,
    ("ARCHAEA", "SP"): 0.783,
    ("ARCHAEA", "LIPO"): 0.730,
    ("ARCHAEA", "TAT"): 0.579,
    ("ARCHAEA", "TATLIPO"): 0.850,
    ("ARCHAEA", "PILIN"): 0.798,
}
"""MCC2 of LoRA on ESM-2 3B per organism group and type."""

MEAN_MCC2 = {
    "SignalP 6.0": 0.782,
    "full fine-tuning": 0.796,
    "prompt tuning": 0.663,
    "adapter": 0.762,
    "LoRA": 0.830,
}
"""Mean MCC2 over the 16 classes; all but SignalP 6.0 with ESM-2 3B. Rounded, where print cuts."""

BIG_CLASSES_MCC2 = {
    name: sum(own[key] for key in BIG_CLASSES) / len(BIG_CLASSES)
    for name, own in (("SignalP 6.0", SIGNALP6_MCC2), ("LoRA", LORA_3B_MCC2))
}
"""The mean over the five big classes, where figures by class are known."""

LORA_3B_STORED_MEAN_MCC2 = 0.788
"""The same mean of LoRA from the results stored with the published code: lower than printed."""

SIGNALP6_CLEAVAGE = {
    ("EUKARYA", "SP"): (0.82, 0.81),
    ("NEGATIVE", "SP"): (0.86, 0.71),
    ("NEGATIVE", "LIPO"): (0.94, 0.96),
    ("NEGATIVE", "TAT"): (0.78, 0.77),
    ("POSITIVE", "LIPO"): (0.87, 0.97),
}
"""Recall and precision of SignalP 6.0's cleavage sites at tolerance 0."""
