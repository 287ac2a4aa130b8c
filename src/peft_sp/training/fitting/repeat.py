"""The command that trains a recipe once more, from the recipe as it was in the end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from peft_sp.io.registry import recipe_files
from peft_sp.training.recipe import Recipe, read_recipe

Values = dict[str, Any]


def command(recipe: Recipe, processes: int = 1) -> str:
    """What to type to train a recipe again, in the directory where its files are.

    It starts from the recipe of the package that has its name, or else from the one that is most
    like it, and sets whatever is different. Files and directories are named as the recipe names
    them, those by absolute paths by their last part.
    """
    wanted, shipped = _values(portable(recipe)), recipe_files.shipped()
    names = [recipe.name] if recipe.name in shipped else list(shipped)
    found = {name: list(_changes(_shipped_values(name), wanted)) for name in names}
    base = min(found, key=lambda name: sum(len(f"{key} {text}") for key, text in found[name]))
    removed = [key for key, text in found[base] if text is None]
    settings = [f"{key}={text}" for key, text in found[base] if text is not None]
    words = ["peft-sp", "train", base]
    for option, values in (("--unset", removed), ("--set", settings)):
        words += [word for value in values for word in (option, value)]
    if processes > 1:
        words = ["torchrun", "--nproc-per-node", str(processes), "--no-python", *words]
    return shlex.join([*words, "-o", f"{recipe.name}-again"])


def portable(recipe: Recipe) -> Recipe:
    """A recipe with the last parts of absolute paths: where things lie is nobody's business."""
    changes: Values = {"data": _portable(recipe.data)}
    if recipe.backbone is not None:
        changes["backbone"] = _portable(recipe.backbone)
    if (own := recipe.distillation) is not None:
        moved = own.teacher_backbone
        paths = {
            "teachers": tuple(map(_portable, own.teachers)),
            "unlabelled": tuple(map(_portable, own.unlabelled)),
            "teacher_backbone": None if moved is None else _portable(moved),
        }
        changes["distillation"] = own.model_copy(update=paths)
    if (more := recipe.remainder) is not None:
        files = {"data": _portable(more.data), "homology": _portable(more.homology)}
        changes["remainder"] = more.model_copy(update=files)
    return recipe.model_copy(update=changes)


def _portable(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path


@cache
def _shipped_values(name: str) -> Values:
    return _values(read_recipe(name))


def _values(recipe: Recipe) -> Values:
    """All options of a recipe but those that are None, for which TOML has no word."""

    def without_none(table: Mapping[str, Any]) -> Values:
        inner = {k: without_none(v) if isinstance(v, dict) else v for k, v in table.items()}
        return {key: value for key, value in inner.items() if value is not None}

    return without_none(recipe.model_dump(mode="json", exclude={"settings_origin"}))


def _changes(base: Values, wanted: Values, above: str = "") -> Iterator[tuple[str, str | None]]:
    """Options with their new values as TOML, None for those to be removed."""
    for key in base.keys() - wanted.keys():
        yield above + key, None
    for key, value in wanted.items():
        before = base.get(key)
        if value == before:
            continue
        # A table of another method has other options: it is replaced as a whole.
        if isinstance(before, dict) and before.get("method") == dict(value).get("method"):
            yield from _changes(before, value, f"{above}{key}.")
        else:
            yield above + key, _text(value)


def _text(value: Any) -> str:
    """What `--set` takes for a value: TOML, or text as it is where that is no TOML."""
    if isinstance(value, str) and value.isprintable():
        try:
            recipe_files.parse(f"value = {value}")
        except ValueError:
            return value
    return recipe_files.toml_value(value)
