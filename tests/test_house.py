"""The house: who may import whom, how long files are, what they load, and where their tests stand.

Every rule is derived from `HOUSE` in scripts/architecture.py. A rule yields its violations as
(subject, what is wrong); none may be there but those that EXCUSED lists.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from scripts.architecture import CELLAR, FLOOR, FRONT_DOOR, HOUSE, Module, arrows, read_house

from tests.support.paths import ROOT
from tests.support.wall import HEAVY, heavy_after, heavy_after_command

TESTS = ROOT / "tests"
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
HOUSE_FILES = read_house()
ARROWS = arrows(HOUSE_FILES)
# Files of light rooms that load a heavy package when they are imported: only functions import them.
DRAWERS = {"io/plotting/matplotlib_backend": {"matplotlib"}}
# (rule, subject): why it may violate the rule for now.
EXCUSED: dict[tuple[str, str], str] = {}

Violations = Iterator[tuple[str, str]]
ROOMS = {room.name: room for room in HOUSE}


def in_rooms() -> Iterator[Module]:
    return (module for module in HOUSE_FILES.values() if module.room in ROOMS)


def every_folder_is_a_room() -> Violations:
    source = ROOT / "src" / "peft_sp"
    folders = {path.relative_to(source).parts[0] for path in source.glob("*/**/*.py")}
    for name in sorted(folders ^ set(ROOMS)):
        yield name, "is a folder without a room or a room without a folder"


def imports_point_down() -> Violations:
    for module in HOUSE_FILES.values():
        for target in ARROWS[module.name]:
            room = target.partition("/")[0]
            if module.room == FRONT_DOOR or target in CELLAR:
                continue  # it opens every room; each may use what lies in the cellar
            if module.room in CELLAR:
                yield module.name, f"imports {target}, but what lies in the cellar imports nothing"
            elif room == FRONT_DOOR:
                yield module.name, "imports the package's front door"
            elif FLOOR[room] > FLOOR[module.room]:
                yield module.name, f"imports {target}, which is on a higher floor"
        if any(one.module.startswith(".") for one in module.imports):
            yield module.name, "has a relative import"


def no_file_imports_itself_through_others() -> Violations:
    """Every import counts: at the top, within functions and under TYPE_CHECKING."""
    reach = {name: set(targets) for name, targets in ARROWS.items()}
    for middle, further in reach.items():
        for targets in reach.values():
            if middle in targets:
                targets.update(further)
    for name, targets in reach.items():
        if name in targets:
            circle = sorted(other for other in targets if name in reach[other])
            yield name, f"is in a circle of imports: {', '.join(circle)}"


def light_rooms_load_nothing_heavy() -> Violations:
    for module in HOUSE_FILES.values():
        light = module.room not in ROOMS or ROOMS[module.room].light
        if not light:
            continue
        for one in (one for one in module.imports if one.top):
            package, *inner = one.module.split(".")
            needed = ROOMS[module.room].needs if module.room in ROOMS else set()
            if package in HEAVY - DRAWERS.get(module.name, set()) - needed:
                yield module.name, f"loads {package} when it is imported"
            if package != "peft_sp" or not inner:
                continue
            if inner[0] in ROOMS and not ROOMS[inner[0]].light:
                yield module.name, f"loads the heavy {one.module} when it is imported"
            if "/".join(inner) in DRAWERS:
                yield module.name, f"loads {one.module}, which loads heavy packages"


def files_are_short() -> Violations:
    for module in HOUSE_FILES.values():
        lines = len(module.text.splitlines())
        if lines > LONGEST_FILE:
            yield module.name, f"has {lines} lines"


def functions_are_short() -> Violations:
    for module in HOUSE_FILES.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    yield f"{module.name}:{node.name}", f"has {lines} lines"


def private_names_stay_in_their_file() -> Violations:
    for module in HOUSE_FILES.values():
        for one in module.imports:
            for name in one.names:
                if one.module.startswith("peft_sp") and name.startswith("_") and name[:2] != "__":
                    yield module.name, f"imports the private {name} of {one.module}"
        aliases = {
            alias.asname or alias.name
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("peft_sp")
            for alias in node.names
        }
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            if private and node.value.id in aliases and node.value.id.islower():
                yield module.name, f"uses the private {node.value.id}.{node.attr}"


def only_the_console_prints() -> Violations:
    for module in HOUSE_FILES.values():
        if module.name == "cli/terminal/console":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                yield module.name, f"prints in line {node.lineno}"
        if module.room in ROOMS and ROOMS[module.room].prints:
            continue
        for one in module.imports:
            if one.module.split(".")[0] in ("typer", "rich", "click"):
                yield module.name, f"knows the terminal's {one.module}"


def rooms_are_not_crowded() -> Violations:
    for room in HOUSE:
        inside = {m.name.split("/")[1] for m in in_rooms() if m.room == room.name} - {FRONT_DOOR}
        if len(inside) > room.most:
            yield room.name, f"has {len(inside)} files and folders at its top"


def every_file_has_its_tests() -> Violations:
    for module in HOUSE_FILES.values():
        folder, _, file = module.name.rpartition("/")
        if file != FRONT_DOOR and not (TESTS / folder / f"test_{file}.py").exists():
            yield module.name, f"has no tests/{folder}/test_{file}.py".replace("//", "/")


def every_test_of_a_room_mirrors_a_file() -> Violations:
    for room in HOUSE:
        for path in sorted((TESTS / room.name).rglob("test_*.py")):
            test = path.relative_to(TESTS)
            name = test.with_name(path.stem.removeprefix("test_")).as_posix()
            if name not in HOUSE_FILES:
                yield test.as_posix(), f"mirrors no {name}.py"


def no_test_imports_another() -> Violations:
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [alias.name for alias in getattr(node, "names", [])]
            if module in (None, "tests") or not module.startswith("tests."):
                continue
            if module.split(".")[1] != "support" or any(n.startswith("test_") for n in names):
                yield path.relative_to(TESTS).as_posix(), f"imports {module}"


RULES = (
    every_folder_is_a_room,
    imports_point_down,
    no_file_imports_itself_through_others,
    light_rooms_load_nothing_heavy,
    files_are_short,
    functions_are_short,
    private_names_stay_in_their_file,
    only_the_console_prints,
    rooms_are_not_crowded,
    every_file_has_its_tests,
    every_test_of_a_room_mirrors_a_file,
    no_test_imports_another,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule):
    violations: dict[str, list[str]] = {}
    for subject, problem in rule():
        violations.setdefault(subject, []).append(problem)
    excused = {subject for name, subject in EXCUSED if name == rule.__name__}
    settled = sorted(excused - violations.keys())
    assert not settled, f"these hold the rule now; take them from EXCUSED: {settled}"
    new = {subject: problems for subject, problems in violations.items() if subject not in excused}
    assert not new, "\n".join(f"{name} {'; '.join(text)}" for name, text in new.items())


def test_excuses_are_of_rules():
    assert {name for name, _ in EXCUSED} <= {rule.__name__ for rule in RULES}


@pytest.mark.integration
def test_a_command_that_predicts_has_loaded_nothing_heavy(tmp_path, ecoli):
    assert heavy_after_command("predict", ecoli, "-o", tmp_path / "out") == set()


def test_a_library_that_predicts_has_loaded_nothing_heavy():
    code = "import peft_sp\npeft_sp.load().predict([('a', 'MKKTAIAIAVALAGFATVAQA')])"
    assert heavy_after(code) == set()


def test_the_wall_would_notice():
    """What the two tests above look at is what a process has loaded."""
    assert heavy_after("import safetensors") == {"safetensors"}
