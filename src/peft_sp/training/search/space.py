"""What a search varies: the recipe's [search], or what is worth varying of its tuning method."""

from __future__ import annotations

import functools
import itertools
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from peft_sp.errors import RecipeError
from peft_sp.network.backbone_files import read_config
from peft_sp.training.options import Candidates
from peft_sp.training.recipe import Recipe, changed

Space = dict[str, Candidates]
FACTOR = 5
"""Learning rates are searched this far below and above the recipe's own."""


def space_of(recipe: Recipe) -> Space:
    """The options that are searched, with their candidates.

    Raises ModelError for a backbone that cannot be read, RecipeError for values that do not
    fit it.
    """
    space = recipe.search or _default(recipe)
    _fit(recipe, space)
    return space


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The same for Optuna."""
    return {key: _distribution(values) for key, values in space.items()}


def own_values(recipe: Recipe, space: Space) -> dict[str, Any] | None:
    """The recipe's own values of the searched options, None where one is no candidate."""
    found: dict[str, Any] = {}
    for key, candidates in space.items():
        value: Any = recipe
        for name in key.split("."):
            value = getattr(value, name, None)
        if key == "tuning.layers" and value == "all" and recipe.backbone is not None:
            value = int(read_config(recipe.backbone).num_hidden_layers)
        if candidates.choices is not None:
            # As it is written among the choices, e.g. 8 for 8.0.
            value = next((choice for choice in candidates.choices if choice == value), None)
        elif not _between(value, candidates):
            value = None
        if value is None:
            return None
        found[key] = value
    return found


def _between(value: Any, candidates: Candidates) -> bool:
    low, high = candidates.low, candidates.high
    if not isinstance(value, int | float) or low is None or high is None:
        return False
    whole = isinstance(low, int) and isinstance(high, int)
    return low <= value <= high and (not whole or value == int(value))


def _default(recipe: Recipe) -> Space:
    options, tuning = recipe.optimisation, recipe.tuning
    rates = {
        "optimisation.learning_rate": options.learning_rate,
        "optimisation.head_learning_rate": options.head_learning_rate,
    }
    space = {
        key: Candidates(low=rate / FACTOR, high=rate * FACTOR, log=True)
        for key, rate in rates.items()
    }
    if recipe.head.frozen:
        del space["optimisation.head_learning_rate"]
    if tuning is None or recipe.backbone is None:
        return space
    if tuning.trained == "nothing":
        del space["optimisation.learning_rate"]  # the encoder does not learn
    config = read_config(recipe.backbone)
    width, depth = int(config.hidden_size), int(config.num_hidden_layers)
    for name, values in tuning.search_candidates(width, depth).items():
        space[f"tuning.{name}"] = (
            Candidates(low=values[0], high=values[-1])
            if isinstance(values, range)
            else Candidates(choices=values)
        )
    return space


def _fit(recipe: Recipe, space: Space) -> None:
    """Refuse values that fit the backbone in no combination with the others."""
    read = functools.cache(read_config)
    keys = [key for key in space if key == "backbone" or key.startswith("tuning.")]
    good: set[tuple[str, Any]] = set()
    bad: dict[tuple[str, Any], list[str]] = {}
    for values in itertools.product(*(space[key].extremes() for key in keys)):
        # Without any key it is the recipe itself that may not fit.
        items = tuple(zip(keys, values, strict=True)) or (("", None),)
        problems: list[str] = []
        try:
            settings = changed(recipe, dict(zip(keys, values, strict=True)))
            if settings.tuning is not None and settings.backbone is not None:
                problems = settings.tuning.problems(read(settings.backbone))
        except RecipeError as error:
            problems = error.problems
        if problems:
            for item in items:
                bad.setdefault(item, problems)
        else:
            good.update(items)
    hopeless = [problem for item, found in bad.items() if item not in good for problem in found]
    if hopeless:
        raise RecipeError(recipe.name, list(dict.fromkeys(hopeless)))


def _distribution(values: Candidates) -> BaseDistribution:
    if values.choices is not None:
        return CategoricalDistribution(values.choices)
    low, high = values.low, values.high
    assert low is not None and high is not None
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=values.log)
    return FloatDistribution(float(low), float(high), log=values.log)
