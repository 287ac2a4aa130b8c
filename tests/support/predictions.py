"""Parts of predictions made by hand."""

from __future__ import annotations

from peft_sp.biology.grammar import TYPES


def by_type(*values: float) -> dict[str, float]:
    """Probabilities in the order of `TYPES`, zero for those that are not given."""
    return dict.fromkeys(TYPES, 0.0) | dict(zip(TYPES, values, strict=False))
