"""Recipe files: TOML tables that inherit from each other, found by name or by path.

A file may hold
- `base`: the recipe that it starts from, "lora-8M.toml" (seen from the file) or "lora-8M" (one of
  the package). Tables are merged, values replaced; a [tuning] of another method and a [search]
  replace the base's. A name, a description and what is said of the settings are never inherited.
- `unset`: inherited options that are taken away, as ["optimisation.rare_class_size"].
- [sizes.SIZE]: one recipe for each size, which changes the rest of the file. A file `lora.toml` of
  the sizes 8M and 35M holds the recipes lora-8M and lora-35M. A file without [sizes] whose base
  has some has those of the base.

A file whose name begins with an underscore is only a base. What a recipe's options mean is not
known here (see `training/recipe.py`).
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from peft_sp.errors import RecipeError
from peft_sp.io.registry.regular import read_regular

SUFFIX = ".toml"
PRETRAINING = "pretraining"
"""Folder of recipes of another kind: they train a backbone without labels."""
LARGEST = 1 << 16
"""Bytes of a recipe file."""
LONGEST_CHAIN = 20
"""Recipes that one is based on, one through the other."""
_DEEP = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')\s*\.\s*){50}""")
"""A key of so many tables that Python's reader takes minutes."""
OWN = ("name", "description", "settings_origin")
"""Options that are not inherited."""


@dataclass(frozen=True)
class Source:
    """Where a recipe is written down: a file and, of a file with [sizes], the size."""

    file: Path
    size: str | None = None

    @property
    def name(self) -> str:
        """The recipe's name, e.g. "lora-8M" for the size 8M of lora.toml."""
        return self.file.stem if self.size is None else f"{self.file.stem}-{self.size}"


def shipped(folder: str = "") -> dict[str, Source]:
    """The recipes inside the package, by name; folder: `PRETRAINING` for those of that kind."""
    found = {}
    for file in sorted((_directory() / folder).glob(f"*{SUFFIX}"), key=lambda file: file.stem):
        if not file.name.startswith("_"):
            for source in _sources(file):
                found[source.name] = source
    return found


@cache
def _all_shipped() -> Mapping[str, Source]:
    return shipped() | shipped(PRETRAINING)


def find(recipe: str | os.PathLike[str]) -> Source:
    """The source of a recipe's name or path.

    Raises RecipeError where there is none, with similar names.
    """
    path = Path(recipe)
    if path.suffix == SUFFIX or path.is_file():
        return _at(path)
    known = _all_shipped()
    if str(recipe) in known:
        return known[str(recipe)]
    raise _unknown(str(recipe))


def resolve(source: Source) -> dict[str, Any]:
    """A recipe's values with all that it inherits, and its name.

    Raises RecipeError for files that cannot be read, bases that do not exist, circles of bases,
    and unset options that are not inherited.
    """
    values = _resolve(source, ())
    return {"name": source.name, **values}


def change(values: dict[str, Any], settings: Sequence[str], removed: Sequence[str]) -> list[str]:
    """Remove options, then set others by "key.in.table=value", in place; returns problems.

    A value is TOML; what is not TOML is a string, such as a path.
    """
    problems = [
        f"--unset {key}: the recipe does not set it" for key in removed if not _remove(values, key)
    ]
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            problems.append(f"--set takes key=value, not '{setting}'")
            continue
        try:
            value = parse(f"value = {text}")["value"]
        except ValueError:
            value = text
        *tables, last = key.strip().split(".")
        table: Any = values
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                problems.append(f"--set {setting}: '{name}' is no table")
                break
        else:
            table[last] = value
    return problems


def parse(text: str) -> dict[str, Any]:
    """The tables of TOML text. Raises ValueError, with one line of what is wrong."""
    if _DEEP.search(text):
        raise ValueError("nested too deeply")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # of Python's own limit of digits
        raise ValueError("an integer with too many digits") from None


def as_toml(values: Mapping[str, Any]) -> str:
    """Nested tables as TOML. Options that are None are left out, since TOML has no word for it."""
    return "\n".join(_lines(values, "")).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """A table's plain values, then its tables."""
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    plain = {key: value for key, value in table.items() if key not in inner and value is not None}
    if path and (plain or not inner):
        yield f"\n[{path}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {toml_value(value)}"
    for key, value in inner.items():
        yield from _lines(value, f"{path}.{_key(key)}" if path else _key(key))


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else toml_value(key)


def toml_value(value: Any) -> str:
    """A value as TOML, tables in one line."""
    if isinstance(value, Mapping):
        entries = (f"{_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None)
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    # JSON's words for strings, numbers and booleans are TOML's, but for one control character.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def _directory() -> Path:
    return Path(str(files("peft_sp") / "recipes"))


def _at(path: Path) -> Source:
    """The source of a path: a file, or NAME-SIZE.toml for a size of NAME.toml beside it."""
    if path.is_file():
        sources = _sources(path)
        if sources != [Source(path)]:
            names = ", ".join(f"{source.name}{SUFFIX}" for source in sources)
            raise RecipeError(str(path), [f"holds several recipes; name one of {names}"])
        return Source(path)
    family, dash, size = path.stem.rpartition("-")
    file = path.with_name(f"{family}{SUFFIX}")
    if dash and family and file.is_file():
        source = Source(file, size)
        if source in (sources := _sources(file)):
            return source
        names = ", ".join(str(one.size) for one in sources if one.size) or "no sizes"
        raise RecipeError(str(path), [f"no such recipe; {file.name} has {names}"])
    raise _unknown(str(path))


def _unknown(name: str) -> RecipeError:
    stem, known = Path(name).name.removesuffix(SUFFIX), _all_shipped()
    near = [stem] if stem in known else difflib.get_close_matches(stem, known, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return RecipeError(
        name,
        [
            f"no such recipe; {hint}'peft-sp recipes' lists those of the package, and a file of "
            f"your own is named by its path, which ends in {SUFFIX}"
        ],
    )


def _sources(file: Path, chain: tuple[Source, ...] = ()) -> list[Source]:
    """All recipes that a file holds: itself, or one for each size."""
    chain = _linked(chain, Source(file))
    values = _read(file)
    sizes = list(_table(values, "sizes", file))
    if not sizes and (base := _base(values, file)) is not None and base.size is None:
        sizes = [source.size for source in _sources(base.file, chain) if source.size is not None]
    return [Source(file, size) for size in sizes] or [Source(file)]


def _base(values: Mapping[str, Any], file: Path) -> Source | None:
    """The source of a file's base; of a file with sizes, that file as a whole."""
    base = values.get("base")
    if base is None:
        return None
    if not isinstance(base, str):
        raise RecipeError(str(file), [f"base is the name of a recipe or a file, not {base!r}"])
    if not base.endswith(SUFFIX):
        if base in (known := _all_shipped()):
            return known[base]
        raise RecipeError(str(file), [f"base {base}: {_unknown(base).problems[0]}"])
    path = file.parent / base
    if path.is_file():
        return Source(path)
    try:
        return _at(path)
    except RecipeError as error:
        raise RecipeError(
            str(file), [f"base {base}: {problem}" for problem in error.problems]
        ) from None


def _resolve(source: Source, chain: tuple[Source, ...]) -> dict[str, Any]:
    chain = _linked(chain, source)
    values = _read(source.file)
    base = _base(values, source.file)
    inherited: dict[str, Any] = {}
    if base is not None:
        size = base.size or (source.size if _sources(base.file) != [Source(base.file)] else None)
        inherited = _resolve(Source(base.file, size), chain)
        inherited = {key: value for key, value in inherited.items() if key not in OWN}
    sizes = _table(values, "sizes", source.file)
    removed = values.get("unset", [])
    if not isinstance(removed, list) or not all(isinstance(key, str) for key in removed):
        raise RecipeError(str(source.file), [f"unset is a list of options, not {removed!r}"])
    if missing := [key for key in removed if not _remove(inherited, key)]:
        problems = [f"unset names {key}, which is not inherited" for key in missing]
        raise RecipeError(str(source.file), problems)
    own = {key: value for key, value in values.items() if key not in ("base", "unset", "sizes")}
    merged = _merged(inherited, own)
    if source.size is not None:
        merged = _merged(merged, _table(sizes, source.size, source.file))
    return merged


def _linked(chain: tuple[Source, ...], source: Source) -> tuple[Source, ...]:
    """The chain of bases with one more. Raises RecipeError where it is in the chain already."""
    longer = (*chain, source)
    if source.file.resolve() in [one.file.resolve() for one in chain]:
        names = " -> ".join(one.name for one in longer)
        raise RecipeError(str(longer[0].file), [f"its bases form a circle: {names}"])
    if len(chain) > LONGEST_CHAIN:
        raise RecipeError(str(longer[0].file), [f"it has more than {LONGEST_CHAIN} bases"])
    return longer


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merged, values replaced."""
    merged = dict(base)
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and key != "search":
            method = before.get("method")
            if key == "tuning" and value.get("method", method) != method:
                merged[key] = dict(value)
            else:
                merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def _remove(values: dict[str, Any], key: str) -> bool:
    """Remove "key.in.table" from nested tables, in place; False where it is not there.

    Tables on the way are copied, since other recipes may have inherited the same.
    """
    *tables, last = key.split(".")
    for name in tables:
        if not isinstance(values.get(name), dict):
            return False
        values[name] = values = dict(values[name])
    return values.pop(last, None) is not None


def _table(values: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    table = values.get(key, {})
    if not isinstance(table, dict):
        raise RecipeError(str(file), [f"{key} is a table, not {table!r}"])
    return table


def _read(file: Path) -> dict[str, Any]:
    try:
        return parse(read_regular(file, LARGEST).decode("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RecipeError(str(file), [f"cannot be read as TOML ({reason})"]) from None
