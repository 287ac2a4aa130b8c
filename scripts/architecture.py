"""The house: its rooms and floors, and who imports whom in it.

`HOUSE` is the one declaration from which `tests/test_house.py` derives its rules and this script
its picture:

    python scripts/architecture.py docs/images/architecture.svg
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from textwrap import wrap

SOURCE = Path(__file__).parents[1] / "src" / "peft_sp"


@dataclass(frozen=True)
class Room:
    """A folder of the package; a file in it imports from its own room and the rooms below.

    light: predictions pass through it, so that it loads no heavy package when it is imported, but
    those that it `needs`.
    prints: it may write to the terminal.
    most: the most files and folders that may stand at its top.
    """

    name: str
    purpose: str
    light: bool = False
    prints: bool = False
    most: int = 14
    needs: frozenset[str] = frozenset()


# From the ground up, a room a floor.
HOUSE = (
    Room("biology", "types, regions and the grammar of labels", light=True),
    Room("io", "files, models on disk and pictures", light=True),
    Room("network", "backbone, tuning, CRF and ONNX export"),
    Room("inference", "from sequences to predictions", light=True),
    Room("training", "recipes, runs and evaluation", most=12),
    Room(
        *("service", "HTTP API, jobs and the web page"),
        light=True,
        needs=frozenset({"fastapi", "pydantic", "uvicorn"}),
    ),
    Room("cli", "commands", light=True, prints=True),
)
FLOOR = {room.name: floor for floor, room in enumerate(HOUSE)}
# Every room may import these, and they import nothing of the house.
CELLAR = ("errors", "version", "wording")
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

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (ast.get_docstring(self.tree) or "").partition("\n")[0]

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


def lifts(house: dict[str, Module]) -> dict[tuple[str, str], int]:
    """(room, lower room): how many files of the one import from the other."""
    found: dict[tuple[str, str], int] = {}
    for name, targets in arrows(house).items():
        room = house[name].room
        for below in {house[target].room for target in targets} - {room}:
            if room in FLOOR and below in FLOOR:
                found[room, below] = found.get((room, below), 0) + 1
    return found


# Lengths of the picture, in pixels. Names are set in a fixed-width font, of which all that a
# browser may choose are 0.6 of their size wide.
WIDTH, MARGIN, TITLE = 1240, 28, 96
NAME, SHAFT = 190, 62
LETTER, CHIP, GAP, HEAD = 7.2, 24, 7, 22
LARGEST = 326  # of a folder, so that two stand side by side
PAPER, INK, FAINT = "#fbfaf6", "#24292f", "#6e7781"
COLOURS = {
    "biology": "#2a7f62",
    "io": "#2b6cb0",
    "network": "#b04a2f",
    "inference": "#7452a8",
    "training": "#a8751a",
    "service": "#a23b72",
    "cli": "#3d4852",
}
STYLE = """
text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
.file { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
.folder { font: 600 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
.room { font-size: 20px; font-weight: 650 }
.note { font-size: 12.5px; fill: #57606a }
.title { font-size: 24px; font-weight: 650 }
.stop { font-size: 12px; font-weight: 600; fill: #ffffff; text-anchor: middle }
.lift { font-size: 12px; font-weight: 600; text-anchor: middle }
"""


@dataclass
class Box:
    """A file, or a folder with what is in it: its size, and where it stands in what holds it."""

    label: str
    note: str
    inside: list[Box]
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = CHIP


def boxes(house: dict[str, Module], folder: str, most: float) -> list[Box]:
    """The files of a folder, then its folders, each with its size; most: width of a row."""
    inside = [name.removeprefix(f"{folder}/") for name in house if name.startswith(f"{folder}/")]
    found = [
        Box(name, house[f"{folder}/{name}"].summary, [], width=len(name) * LETTER + 18)
        for name in sorted(inside)
        if "/" not in name and name != FRONT_DOOR
    ]
    most = min(most, LARGEST) - 2 * GAP
    for name in sorted({name.split("/")[0] for name in inside if "/" in name}):
        path = f"{folder}/{name}"
        parts = boxes(house, path, most)
        width, height = flow(parts, most)
        box = Box(f"{name}/", house[f"{path}/{FRONT_DOOR}"].summary, parts)
        box.width = max(width, len(box.label) * LETTER) + 2 * GAP
        box.height = height + HEAD + GAP
        found.append(box)
    return found


def flow(parts: list[Box], most: float) -> tuple[float, float]:
    """Set boxes side by side in rows of at most some width; the width and height they take.

    Folders begin a row of their own.
    """
    x = y = row = widest = 0.0
    for before, box in zip([None, *parts], parts, strict=False):
        first_folder = bool(box.inside) and before is not None and not before.inside
        if x and (x + box.width > most or first_folder):
            x, y, row = 0.0, y + row + GAP, 0.0
        box.x, box.y = x, y
        x, row = x + box.width + GAP, max(row, box.height)
        widest = max(widest, x - GAP)
    return widest, y + row


def draw_box(box: Box, x: float, y: float, colour: str) -> Iterator[str]:
    """A file's or folder's box, whose container begins at (x, y)."""
    x, y = x + box.x, y + box.y
    shape = f'x="{x:g}" y="{y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"'
    yield f"<g><title>{escape(box.note)}</title>"
    if box.inside:
        tint = f'fill="{colour}" fill-opacity="0.10" stroke="{colour}" stroke-opacity="0.45"'
        yield f"<rect {shape} {tint}/>"
        yield text(x + GAP, y + 15, box.label, "folder", colour)
        for part in box.inside:
            yield from draw_box(part, x + GAP, y + HEAD, colour)
    else:
        yield f'<rect {shape} fill="#ffffff" stroke="{colour}" stroke-opacity="0.55"/>'
        yield text(x + 9, y + 16, box.label, "file")
    yield "</g>"


def text(x: float, y: float, words: str, kind: str, colour: str = "") -> str:
    """A line of text."""
    fill = f' style="fill: {colour}"' if colour else ""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}"{fill}>{escape(words)}</text>'


def draw_floor(room: Room, parts: list[Box], y: float, height: float) -> Iterator[str]:
    """A room with its name and all that stands in it."""
    colour = COLOURS[room.name]
    right = WIDTH - 2 * MARGIN
    yield f'<rect x="{MARGIN}" y="{y:g}" width="{right}" height="{height:g}" fill="#ffffff"/>'
    yield (
        f'<rect x="{MARGIN}" y="{y:g}" width="{right}" height="{height:g}" '
        f'fill="{colour}" fill-opacity="{0.05 if room.light else 0.13}"/>'
    )
    yield f'<rect x="{MARGIN}" y="{y:g}" width="6" height="{height:g}" fill="{colour}"/>'
    yield text(MARGIN + 22, y + 32, room.name, "room", colour)
    lines = wrap(room.purpose, 24)
    for number, line in enumerate(lines):
        yield text(MARGIN + 22, y + 52 + 16 * number, line, "note")
    if not room.light:
        yield text(MARGIN + 22, y + 56 + 16 * len(lines), "needs torch", "note", colour)
    for box in parts:
        yield from draw_box(box, MARGIN + NAME, y + 14, colour)


def draw_lift(room: str, x: float, start: float, stops: list[tuple[float, int]]) -> Iterator[str]:
    """A lift from a room's height down to the rooms it imports from, with how many files do."""
    colour = COLOURS[room]
    yield f'<circle cx="{x:g}" cy="{start:g}" r="6" fill="{colour}"/>'
    above = start
    for y, count in stops:
        yield (
            f'<path d="M{x:g} {above + 6:g} V{y - 20:g}" stroke="{colour}" stroke-width="2.5" '
            f'fill="none"/><path d="M{x - 5:g} {y - 22:g} L{x:g} {y - 14:g} L{x + 5:g} {y - 22:g} '
            f'Z" fill="{colour}"/><circle cx="{x:g}" cy="{y:g}" r="13" fill="{colour}"/>'
        )
        yield text(x, y + 4, str(count), "stop")
        above = y + 7
    yield text(x, start - 14, room, "lift", colour)


def picture(house: dict[str, Module]) -> str:
    """The house as SVG: the highest room first, the cellar below."""
    inner = WIDTH - 2 * MARGIN - NAME - SHAFT * (len(HOUSE) - 1) - 24
    middle: dict[str, float] = {}
    body: list[str] = []
    y = float(TITLE)
    for room in reversed(HOUSE):
        parts = boxes(house, room.name, inner)
        _, height = flow(parts, inner)
        height = max(height + 28, 92.0)
        body += draw_floor(room, parts, y, height)
        middle[room.name] = y + height / 2
        y += height + 4
    counts = lifts(house)
    left = WIDTH - MARGIN - SHAFT * (len(HOUSE) - 1) + SHAFT / 2
    for number, room in enumerate(reversed(HOUSE[1:])):
        below = [other.name for other in reversed(HOUSE[: FLOOR[room.name]])]
        stops = [(middle[b], counts[room.name, b]) for b in below if (room.name, b) in counts]
        body += draw_lift(room.name, left + number * SHAFT, middle[room.name], stops)
    x = float(MARGIN + NAME)
    for label, names in (("for every room", CELLAR), ("for library users", (FRONT_DOOR,))):
        body.append(text(x - NAME + 22, y + 27, label, "note"))
        row = [Box(name, house[name].summary, [], width=len(name) * LETTER + 18) for name in names]
        flow(row, inner)
        for box in row:
            body += draw_box(box, x, y + 10, INK)
        x += NAME + row[-1].x + row[-1].width
    return "\n".join([*_head(y + 62), *body, "</svg>", ""])


def _head(height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" role="img" aria-label="Rooms of peft_sp and imports">'
    )
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{WIDTH}" height="{height:g}" fill="{PAPER}"/>'
    yield text(MARGIN, 42, "src/peft_sp", "title")
    yield text(
        MARGIN,
        66,
        "A file imports only from its own room and from the rooms below. A lift leads from a room "
        "to those it imports from; a number is how many of its files do.",
        "note",
    )


def main() -> None:
    """Write the picture, by default where docs/architecture.md shows it."""
    default = Path(__file__).parents[1] / "docs" / "images" / "architecture.svg"
    Path(sys.argv[1] if len(sys.argv) > 1 else default).write_text(picture(read_house()))


if __name__ == "__main__":
    main()
