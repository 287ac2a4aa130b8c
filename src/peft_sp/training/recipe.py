"""A training run as data, checked as a whole, with every mistake reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Any, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from peft_sp.errors import RecipeError
from peft_sp.io.registry import recipe_files
from peft_sp.io.registry.migrations import RENAMED_OPTIONS
from peft_sp.network.settings import ModelSettings
from peft_sp.training.options import (
    Candidates,
    Distillation,
    Optimisation,
    Partitions,
    Remainder,
    Value,
)
from peft_sp.wording import counted

Kind = TypeVar("Kind", bound=BaseModel)
NOT_SEARCHED = (
    *("name", "description", "settings_origin", "licence", "data", "seed", "members", "variants"),
    *("partitions", "remainder", "search"),
)
"""Options that name a run or decide how it is evaluated: a search must not vary them."""
SHARED = tuple({*NOT_SEARCHED, "backbone", "student", "distillation"} - {"seed"})
"""Options that all members of an ensemble have in common."""
NOT_RECORDED: Any = {
    "data": True,
    "partitions": True,
    "search": True,
    "distillation": {"teachers", "teacher_backbone", "unlabelled"},
    "remainder": {"data", "homology"},
}
"""Options that `model_dump` leaves out where a recipe is recorded: paths, in place of which hashes
are recorded, and partitions."""
APART = (
    *("name", "description", "settings_origin", "licence", "data", "partitions", "backbone"),
    "search",
)
"""Options that say what a run is called, what it reads and what it is tested on: not settings."""


class Recipe(ModelSettings):
    """Everything that decides a training run.

    search: candidates of the options that `peft-sp tune` varies, by option, e.g.
    "optimisation.learning_rate". It has no effect on a single run, so `model_dump` leaves it out.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    description: str = Field(default="", description="what the model is")
    settings_origin: str = Field(
        default="",
        description="how the settings were found, for the card; left out where one is changed",
    )
    licence: str = Field(default="", description="of the model; the card asks for it without one")
    data: str = Field(description="labelled proteins, three-line format")
    seed: int = Field(default=1, ge=0, description="seed of all random numbers")
    members: int = Field(
        default=1,
        ge=1,
        le=50,
        description="number of networks, trained from consecutive seeds, which predict together",
    )
    variants: tuple[dict[str, Value], ...] = Field(
        default=(),
        description="options that differ between the members, one table for each in turn, e.g. "
        '{"optimisation.class_balance" = 0.4}',
    )
    partitions: Partitions = Partitions()
    remainder: Remainder | None = None
    optimisation: Optimisation = Optimisation()
    distillation: Distillation | None = None
    search: dict[str, Candidates] = Field(default={}, exclude=True)

    @model_validator(mode="after")
    def _no_idle_options(self) -> Recipe:
        """Refuse options of parts that are not trained, which would have no effect."""
        frozen = self.tuning is not None and self.tuning.trained == "nothing"
        rate = Optimisation.model_fields["learning_rate"].default
        if frozen and self.optimisation.learning_rate != rate:
            raise ValueError(
                'optimisation.learning_rate has no effect with method = "frozen", which does not '
                "train the encoder; head_learning_rate is the learning rate of the head"
            )
        if self.head.frozen and frozen:
            raise ValueError(
                'nothing is trained: method = "frozen" leaves the encoder as it is, head.frozen '
                "the head and the CRF"
            )
        rate = Optimisation.model_fields["head_learning_rate"].default
        if self.head.frozen and self.optimisation.head_learning_rate != rate:
            raise ValueError(
                "optimisation.head_learning_rate has no effect with head.frozen = true, which does "
                "not train the head; unset it"
            )
        if self.optimisation.gradient_checkpointing and (frozen or self.student is not None):
            raise ValueError(
                "optimisation.gradient_checkpointing has no effect, since this recipe trains no "
                "layers of a backbone"
            )
        return self

    @model_validator(mode="after")
    def _whole_variants(self) -> Recipe:
        """Each variant must be a recipe."""
        if len(self.variants) > self.members:
            raise ValueError(
                f"there are {len(self.variants)} variants but only "
                f"{counted(self.members, 'member')}"
            )
        for variant in self.variants:
            for key in variant:
                if key.split(".")[0] in SHARED:
                    raise ValueError(f"a variant cannot change {key}, which all members share")
        for number in range(len(self.variants)):
            try:
                self.member(number)
            except RecipeError as error:
                raise ValueError(f"variant {number + 1}: {'; '.join(error.problems)}") from None
        return self

    def member(self, number: int) -> Recipe:
        """The recipe of one of the members, counted from 0. Raises RecipeError."""
        own = self.variants[number % len(self.variants)] if self.variants else {}
        alone = {"members": 1, "variants": (), "settings_origin": self.settings_origin}
        return changed(self, {**alone, "seed": self.seed + number, **own})

    @model_validator(mode="after")
    def _augmented_windows(self) -> Recipe:
        """A student's augmentation needs windows to augment, and the other way round."""
        optimisation, distilled = self.optimisation, self.distillation
        if distilled is None:
            return self
        if any(optimisation.augmentation) != bool(
            distilled.augmented_copies or distilled.fresh_fraction
        ):
            raise ValueError(
                "distillation.augmented_copies and fresh_fraction say which windows are augmented, "
                "optimisation.truncation_probability, substitution_probability and "
                "chimera_probability how; give some of both or none"
            )
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _searchable(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Check [search] by trying its values, and report its mistakes with all others."""
        if not isinstance(values, dict) or not isinstance(values.get("search"), dict):
            return handler(values)
        values = {**values, "search": _flat(values["search"])}
        if not (problems := _search_problems(values)):
            return handler(values)
        try:
            handler(values)
        except ValidationError as error:
            own = [_error(item["loc"], item["type"], item["msg"]) for item in error.errors()]
            problems = own + problems
        raise ValidationError.from_exception_data(cls.__name__, problems)


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with other values of some options, as {"optimisation.epochs": 2}, without [search].

    What the recipe says of the origin of its settings is not said of others. Raises RecipeError
    where the values are invalid or contradict each other.
    """
    table = recipe.model_dump()
    if not all(key.split(".")[0] in (*APART, "seed") for key in values):
        table["settings_origin"] = ""
    for key, value in values.items():
        _put(table, key, value)
    return validated(Recipe, recipe.name, table)


def read_recipe(
    recipe: str | os.PathLike[str],
    settings: Sequence[str] = (),
    unset: Sequence[str] = (),
) -> Recipe:
    """A recipe of the package by its name, or one in a TOML file.

    settings: like "optimisation.epochs=2", in place of the recipe's own; unset: optional options
    to be removed, like "partitions.test", before that. Relative paths of data and FASTA files are
    seen from the working directory. Raises RecipeError with all mistakes: unknown options, wrong
    values, options without effect.
    """
    values = resolved(recipe, settings, unset)
    if "windows" in values and "data" not in values:
        problem = "trains on windows without labels; it is a recipe for 'peft-sp pretrain'"
        raise RecipeError(str(recipe), [problem])
    return validated(Recipe, str(recipe), values)


def resolved(
    recipe: str | os.PathLike[str], settings: Sequence[str], unset: Sequence[str]
) -> dict[str, Any]:
    """The values of a recipe of any kind, changed. Raises RecipeError.

    What the recipe says of the origin of its settings is not said of others.
    """
    values = recipe_files.resolve(recipe_files.find(recipe))
    before = deepcopy(values)
    if problems := recipe_files.change(values, settings, unset):
        raise RecipeError(str(recipe), problems)
    said = values.get("settings_origin")
    if said == before.get("settings_origin") and _settings(values) != _settings(before):
        values.pop("settings_origin", None)
    return values


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in a recipe but names, files and partitions, and the seed."""
    own = {key: value for key, value in values.items() if key not in (*APART, "seed")}
    for name in ("distillation", "remainder"):
        if isinstance(table := own.get(name), dict):
            own[name] = {k: value for k, value in table.items() if k not in NOT_RECORDED[name]}
    return own


def validated(kind: type[Kind], source: str, values: dict[str, Any]) -> Kind:
    """Values as a recipe of some kind. Raises RecipeError with all mistakes."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(source, [_sentence(item, kind) for item in error.errors()]) from None


def as_toml(recipe: Recipe) -> str:
    """A recipe with all that it inherits and all defaults, as a TOML file without a base."""
    dumped = recipe.model_dump(mode="json")
    values = {key: dumped.pop(key) for key in ("name", "description")} | dumped
    if recipe.search:
        values["search"] = {key: one.model_dump(mode="json") for key, one in recipe.search.items()}
    return recipe_files.as_toml(values)


def _put(table: dict[str, Any], key: str, value: Any) -> bool:
    """Set "key.in.table" in nested tables, in place; False where there is no such table."""
    *tables, last = key.split(".")
    for name in tables:
        inner = table.get(name, {})
        if isinstance(inner, BaseModel):
            inner = inner.model_dump()
        if not isinstance(inner, dict):
            return False
        table[name] = dict(inner)
        table = table[name]
    table[last] = value
    return True


def _flat(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    """[search] by whole keys: `"a.b" = {...}`, `a.b = {...}` and `--set search.a.b=` are one."""
    flat: dict[str, Any] = {}
    for key, entry in table.items():
        if isinstance(entry, dict) and entry and all(isinstance(v, dict) for v in entry.values()):
            flat.update(_flat(entry, f"{above}{key}."))
        else:
            flat[above + key] = entry
    return flat


def _search_problems(values: dict[str, Any]) -> list[InitErrorDetails]:
    """Errors in the keys of [search] and in their values."""
    plain = {key: value for key, value in values.items() if key != "search"}
    known = [item["loc"] for item in _errors(plain)]
    problems: dict[tuple[str, str], InitErrorDetails] = {}

    def report(key: str, problem: str) -> None:
        problems.setdefault((key, problem), _error(("search", key), "search", problem))

    for key, entry in values["search"].items():
        if key.split(".")[0] in NOT_SEARCHED:
            report(key, "cannot be searched")
            continue
        for value in _samples(entry):
            table = dict(plain)
            if not _put(table, key, value):
                report(key, "names no option of the recipe")
                continue
            for item in _errors(table):
                if item["loc"] in known:
                    continue
                # "union_tag_not_found" is the error for [tuning] where the recipe has none.
                if item["type"] in ("extra_forbidden", "union_tag_not_found"):
                    new = RENAMED_OPTIONS.get(key)
                    report(key, f"is called {new} now" if new else "names no option of the recipe")
                else:
                    report(key, f"{item['msg'].removeprefix('Value error, ')} (it is {value!r})")
    return list(problems.values())


def _samples(entry: Any) -> list[Any]:
    """Values that an entry of [search] would give its option, where the entry is valid."""
    if isinstance(entry, Candidates):
        return list(entry.extremes())
    if not isinstance(entry, dict):
        return []
    bounds = [entry[name] for name in ("low", "high") if isinstance(entry.get(name), int | float)]
    choices = entry.get("choices")
    return [*bounds, *(choices if isinstance(choices, list | tuple) else [])]


def _errors(values: dict[str, Any]) -> list[Any]:
    try:
        Recipe.model_validate(values)
    except ValidationError as error:
        return list(error.errors())
    return []


def _error(location: tuple[int | str, ...], kind: str, message: str) -> InitErrorDetails:
    # Not as the template itself, so that braces in a message stay what they are.
    problem = PydanticCustomError(kind, "{message}", {"message": message})
    return InitErrorDetails(type=problem, loc=location, input=None)


_EXPECTED = {
    "tuple": "a list, such as [1, 2], is expected",
    "list": "a list, such as [1, 2], is expected",
    "int": "a whole number is expected",
    "float": "a number is expected",
    "bool": "true or false is expected",
    "string": "a text is expected",
    "dict": "a table is expected",
    "model": "a table is expected",
}
"""What pydantic's errors of type say in terms of Python, by how their names begin."""


def _sentence(item: Any, kind: type[BaseModel]) -> str:
    # In [tuning] a location has the method as its second part, which no TOML file has.
    parts = [str(part) for part in item["loc"]]
    option = ".".join(parts[:1] + parts[2:] if parts[:1] == ["tuning"] else parts)
    if item["type"] == "extra_forbidden":
        if new := RENAMED_OPTIONS.get(option):
            return f"unknown option {option}; it is called {new} now"
        inner = {name for name, field in kind.model_fields.items() if _models(field.annotation)}
        tables = [name for name in sorted(inner) if parts[-1] in _options(kind, [name])]
        elsewhere = [f"{name}.{parts[-1]}" for name in tables if parts[:1] != [name]]
        similar = elsewhere or get_close_matches(parts[-1], _options(kind, parts[:-1]), 1)
        return f"unknown option {option}" + (f"; did you mean {similar[0]}?" if similar else "")
    if item["type"] == "missing":
        return f"{option} is missing"
    if item["type"] == "union_tag_invalid":
        known = item["ctx"]["expected_tags"].replace("'", "")
        return f"{option}.method: {item['ctx']['tag']} is none of {known}"
    message = item["msg"].removeprefix("Value error, ")
    begin, _, end = item["type"].partition("_")
    if end in ("type", "parsing", "from_float") and begin in _EXPECTED:
        message = f"{_EXPECTED[begin]}, not {item['input']!r}"
    return f"{option}: {message}" if option else message


def _options(kind: type[BaseModel], tables: Sequence[str]) -> list[str]:
    """The options of a table within a recipe; of [tuning] those of the method behind it."""
    kinds = [kind]
    for name in tables:
        inner = [own.model_fields[name].annotation for own in kinds if name in own.model_fields]
        kinds = [own for annotation in inner for own in _models(annotation)] or kinds
    return [name for own in kinds for name in own.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [own for part in get_args(annotation) for own in _models(part)]
