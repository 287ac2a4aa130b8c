"""Figures of made-up models, as `metrics.json` holds them."""

from __future__ import annotations


def figures(mcc2, recall=None, classes=(("EUKARYA", "SP"),)):
    """One MCC2 and cleavage recall for every class."""
    return {
        "proteins": 9,
        "mean_mcc2": mcc2,
        "big_classes_mcc2": mcc2,
        "multiclass_mcc": mcc2,
        "classes": [
            {
                "organism": organism,
                "type": kind,
                "mcc2": mcc2,
                "cleavage_recall": [recall] * 4,
                "cleavage_precision": [None] * 4,
            }
            for organism, kind in classes
        ],
    }
