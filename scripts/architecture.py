"""The house: its rooms and floors, and who imports whom in it.

`HOUSE` is the one declaration from which `tests/test_house.py` derives its rules and this script
its picture:

    python scripts/architecture.py docs/images/architecture.svg
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "peft_sp"


@dataclass(frozen=True)
class Room:
    """A folder of the package; a file in it imports from its own room and the rooms below.

    light: predictions pass through it, so that it loads no heavy package when it is imported.
    prints: it may write to the terminal.
    most: the most files and folders that may stand at its top.
    """

    name: str
    purpose: str
    light: bool = False
    prints: bool = False
    most: int = 14


# From the ground up, a room a floor.
HOUSE = (
    Room("biology", "types, regions and the grammar of labels", light=True),
    Room("io", "files, models on disk and pictures", light=True),
    Room("network", "backbone, tuning, CRF and ONNX export"),
    Room("inference", "from sequences to predictions", light=True),
    Room("training", "recipes, runs and evaluation", most=12),
    Room("cli", "commands", light=True, prints=True),
)
FLOOR = {room.name: floor for floor, room in enumerate(HOUSE)}
# Every room may import these, and they import nothing of the house.
CELLAR = ("errors", "version")
FRONT_DOOR = "__init__"


@dataclass(frozen=True)
class Import:
    """An import of a module: its dotted name, the names taken from it, where it stands.

    top: it is carried out when the file is imported, not within a function or for types alone.
    """

    module: str
    names: tuple[str, ...]
    line: int
    top: bool


@dataclass
class Module:
    """A file of the package; `name` is its path without the ending, as in "io/fasta"."""

    name: str
    path: Path
    imports: list[Import] = field(default_factory=list)

    @property
    def room(self) -> str:
        """The first part of its name: its room, or itself where it stands in none."""
        return self.name.partition("/")[0]

    @property
    def dotted(self) -> str:
        """The name that an import of it has."""
        return dotted(self.name)

    @cached_property
    def text(self) -> str:
        """What stands in it."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)


def dotted(name: str) -> str:
    """The name under which Python knows a file: "network/tuning/__init__" -> "network.tuning"."""
    return ".".join(["peft_sp", *name.removesuffix(FRONT_DOOR).strip("/").split("/")]).strip(".")


def read_house(source: Path = SOURCE) -> dict[str, Module]:
    """Every file of the package by its name, with its imports."""
    paths = sorted(source.rglob("*.py"))
    names = [path.relative_to(source).with_suffix("").as_posix() for path in paths]
    house = {name: Module(name, path) for name, path in zip(names, paths, strict=True)}
    known = {module.dotted for module in house.values()}
    for module in house.values():
        module.imports = list(_imports(module.tree, known))
    return house


def _imports(tree: ast.Module, known: set[str]) -> Iterator[Import]:
    at_import = {id(node) for node in _run_at_import(tree.body)}
    for node in ast.walk(tree):
        top = id(node) in at_import
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), node.lineno, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            files = [alias.name for alias in node.names if f"{base}.{alias.name}" in known]
            yield from (Import(f"{base}.{name}", (), node.lineno, top) for name in files)
            names = tuple(alias.name for alias in node.names if alias.name not in files)
            if names:
                yield Import(base, names, node.lineno, top)


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported, those in blocks and classes included."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _run_at_import(node.orelse)
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from _run_at_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _run_at_import(handler.body)


def arrows(house: dict[str, Module]) -> dict[str, dict[str, int]]:
    """Which file imports which others of the package, and the line of the first such import."""
    names = {module.dotted: module.name for module in house.values()}
    found: dict[str, dict[str, int]] = {}
    for module in house.values():
        targets: dict[str, int] = {}
        for one in module.imports:
            if one.module in names:
                targets.setdefault(names[one.module], one.line)
        found[module.name] = targets
    return found
