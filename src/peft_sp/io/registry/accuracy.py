"""What a model's settings say of its accuracy. They may be anybody's: nothing is sure in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Accuracy:
    """What a model's own settings say of its accuracy; None where they say nothing.

    measured: how; proteins: on how many; mean_mcc2: over the classes, with its 95 % interval;
    eukaryotic: MCC2 of eukaryotic SP; classes: one entry a class, as in `config.json`.
    """

    measured: str
    proteins: int | None
    mean_mcc2: float | None
    interval: tuple[float, float] | None
    eukaryotic: float | None
    classes: list[dict[str, Any]]

    @property
    def is_cross_validated(self) -> bool:
        """Whether every labelled protein was predicted by a model that had not seen it."""
        return self.measured.startswith("cross-validation")


def accuracy(config: dict[str, Any]) -> Accuracy | None:
    """What a model's settings say of its accuracy, and how it was measured."""
    metrics = _inside(config, "metrics")
    protocol = _inside(metrics, "cross_validation", "protocol")
    parts = _inside(config, "made", "partitions")
    for how, figures in (
        (f"cross-validation ({protocol})", _inside(metrics, "cross_validation", "pooled")),
        (f"test partition {_inside(parts, 'test')}", _inside(metrics, "test")),
        (f"validation partition {_inside(parts, 'validation')}", _inside(metrics, "validation")),
    ):
        if not isinstance(figures, dict):
            continue
        listed = figures.get("classes")
        classes = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
        eukaryotic = [c for c in classes if (c.get("organism"), c.get("type")) == ("EUKARYA", "SP")]
        low, high = _pair(figures.get("mean_mcc2_interval"))
        proteins = _number(figures.get("proteins"))
        return Accuracy(
            how.removesuffix(" None"),
            None if proteins is None else int(proteins),
            _number(figures.get("mean_mcc2")),
            None if low is None or high is None else (low, high),
            _number(eukaryotic[0].get("mcc2")) if eukaryotic else None,
            classes,
        )
    return None


def _inside(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None


def _pair(value: Any) -> tuple[float | None, float | None]:
    both = value if isinstance(value, list) and len(value) == 2 else (None, None)
    return _number(both[0]), _number(both[1])
