"""A run as data: a TOML file, checked as a whole, with every mistake reported at once."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from peft_sp.errors import RecipeError
from peft_sp.io.labelled import PARTITIONS
from peft_sp.network.settings import ModelSettings, Settings


class Partitions(Settings):
    """Which partitions a run learns from, chooses its epoch by, and is tested on.

    Without `validation` the last epoch is taken; without `test` nothing is tested.
    """

    train: tuple[int, ...] = Field(default=PARTITIONS, min_length=1)
    validation: int | None = None
    test: int | None = None

    @model_validator(mode="after")
    def _apart(self) -> Partitions:
        used = [*self.train, *(n for n in (self.validation, self.test) if n is not None)]
        if wrong := sorted(set(used) - set(PARTITIONS)):
            raise ValueError(f"partitions are 0, 1 and 2; there is no {wrong[0]}")
        if len(used) != len(set(used)):
            raise ValueError("train, validation and test must be different partitions")
        return self


class Optimisation(Settings):
    """How the parameters are fitted."""

    epochs: float = Field(default=1.0, gt=0)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0, description="of the encoder")
    head_learning_rate: float = Field(default=5e-3, gt=0, description="of head and CRF")
    weight_decay: float = Field(default=0.01, ge=0, description="of weight matrices")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of the steps")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    precision: Literal["float32", "bfloat16"] = "float32"
    balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="classes (organism group x type) are drawn in proportion to "
        "count^(1 - balance): 0 as they are, 1 all alike",
    )
    truncation: float = Field(
        default=0.0, ge=0, le=1, description="share of windows cut short behind the signal peptide"
    )
    substitution: float = Field(
        default=0.0, ge=0, le=1, description="share of residues drawn anew from their kind"
    )
    chimeras: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of signal peptides set before another protein's mature part",
    )
    region_weight: float = Field(default=0.5, ge=0, description="of the region term in the loss")
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of a moving average of the weights, which replaces them at the end "
        "and whenever they are judged; 0 for none",
    )


class Recipe(ModelSettings):
    """Everything that decides a training run."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    description: str = ""
    licence: str = "MIT"
    data: str = Field(description="labelled proteins, three-line format")
    seed: int = Field(default=1, ge=0)
    partitions: Partitions = Partitions()
    optimisation: Optimisation = Optimisation()


def read_recipe(path: str | os.PathLike[str], changes: list[str] | None = None) -> Recipe:
    """A recipe from a TOML file, with `changes` like "optimisation.epochs=2" on top.

    Relative paths in the file's `data` are kept as they are: seen from where one stands.
    Raises RecipeError with all mistakes: unknown keys, wrong values, unused options.
    """
    source = str(path)
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(source, ["no such recipe"]) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(source, [f"not readable as TOML ({error})"]) from None
    problems = [p for change in changes or [] if (p := _change(values, change))]
    if problems:
        raise RecipeError(source, problems)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(source, [_sentence(item) for item in error.errors()]) from None


def _change(values: dict[str, Any], change: str) -> str | None:
    """Apply "key.in.table=value" to parsed TOML; a sentence where that cannot be done."""
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        return f"--set takes key=value, not '{change}'"
    *tables, last = key.strip().split(".")
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            return f"--set {change}: '{table}' is no table"
        values = inner
    try:
        values[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = text  # a bare word, such as a path
    return None


def _sentence(item: Any) -> str:
    # pydantic names the chosen method inside a location; a reader of TOML does not know it.
    place = ".".join(str(part) for part in item["loc"] if part != "lora")
    if item["type"] == "extra_forbidden":
        return f"unknown option {place}"
    if item["type"] == "missing":
        return f"{place} is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
