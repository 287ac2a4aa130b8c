"""Options of recipes by the names that they had before, in files that older versions wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RENAMED_OPTIONS = {
    "optimisation.clip": "optimisation.max_grad_norm",
    "optimisation.warmup": "optimisation.warmup_fraction",
    "optimisation.keep_frozen": "optimisation.cache_activations",
    "optimisation.balance": "optimisation.class_balance",
    "optimisation.rare": "optimisation.rare_class_size",
    "optimisation.truncation": "optimisation.truncation_probability",
    "optimisation.substitution": "optimisation.substitution_probability",
    "optimisation.chimeras": "optimisation.chimera_probability",
    "optimisation.average": "optimisation.ema_decay",
    "distillation.backbone": "distillation.teacher_backbone",
    "distillation.precision": "distillation.teacher_precision",
    "distillation.copies": "distillation.augmented_copies",
    "distillation.hydropathy": "distillation.min_hydropathy",
    "distillation.mutants": "distillation.recombinants",
    "distillation.balance": "distillation.class_balance",
    "distillation.rare": "distillation.rare_class_size",
    "distillation.fresh": "distillation.fresh_fraction",
    "distillation.labels": "distillation.label_weight",
}
"""Old name -> new name; an option stayed in its table."""


def with_current_names(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as a `config.json` or a `metrics.json` holds it, its options by today's names.

    recipe: nested tables. What has today's names already stays as it is, and so does whatever
    is no table. Options in `variants` and `search` are named by whole keys, "table.option".
    """
    current = dict(recipe)
    for old, new in RENAMED_OPTIONS.items():
        table, option = old.split(".")
        if isinstance(current.get(table), Mapping) and option in current[table]:
            current[table] = {
                new.split(".")[1] if key == option else key: value
                for key, value in current[table].items()
            }
    if isinstance(current.get("variants"), list | tuple):
        current["variants"] = [_renamed_keys(variant) for variant in current["variants"]]
    if "search" in current:
        current["search"] = _renamed_keys(current["search"])
    return current


def _renamed_keys(table: Any) -> Any:
    if not isinstance(table, Mapping):
        return table
    return {RENAMED_OPTIONS.get(key, key): value for key, value in table.items()}
