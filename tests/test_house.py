"""The house: who may import whom, and that prediction needs no torch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import peft_sp
from tests.support.wall import HEAVY, command, heavy_after

SOURCE = Path(peft_sp.__file__).parent
FLOORS = [{"biology"}, {"io"}, {"network"}, {"inference"}, {"training", "service"}, {"cli"}]
FLOOR = {folder: number for number, folders in enumerate(FLOORS) for folder in folders}
EVERYWHERE = {"errors", "version"}
LIGHT_FOLDERS = ("biology", "io", "inference", "cli")


def modules():
    return sorted(SOURCE.rglob("*.py"))


def imports(tree: ast.AST, runtime_only: bool = False, top_level: bool = False):
    """Dotted names that a module imports."""
    body = list(ast.walk(tree)) if not top_level else list(getattr(tree, "body", []))
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_never_point_upward(path):
    parts = path.relative_to(SOURCE).parts
    if len(parts) == 1:
        return  # the package's front door and its ground floor
    own = FLOOR[parts[0]]
    for name in imports(ast.parse(path.read_text())):
        if not name.startswith("peft_sp"):
            continue
        target = ([*name.split("."), ""])[1]
        if target in EVERYWHERE:
            continue
        assert target in FLOOR, f"{path} imports the package's front door"
        same = target == parts[0]
        assert same or FLOOR[target] < own, f"{path} imports {name}, which is above it"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_light_folders_import_nothing_heavy_at_the_top(path):
    parts = path.relative_to(SOURCE).parts
    if len(parts) > 1 and parts[0] not in LIGHT_FOLDERS:
        return
    for name in imports(ast.parse(path.read_text()), top_level=True):
        assert name.split(".")[0] not in HEAVY, f"{path} imports {name} at its top"
        assert not name.startswith(("peft_sp.network", "peft_sp.training"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_stay_short_and_only_commands_print(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    names = {n.func.id for n in calls if isinstance(n.func, ast.Name)}
    if path.relative_to(SOURCE).parts[0] != "cli":
        assert "print" not in names


def test_ground_floor_imports_nothing_of_the_house():
    for name in EVERYWHERE:
        tree = ast.parse((SOURCE / f"{name}.py").read_text())
        assert not [n for n in imports(tree) if n.startswith("peft_sp")]


@pytest.mark.integration
def test_a_fresh_interpreter_that_predicts_has_not_imported_torch(tmp_path, ecoli):
    assert heavy_after(command(["predict", ecoli, "-o", tmp_path / "out"])) == []


def test_importing_the_package_is_light():
    assert heavy_after("import peft_sp") == []
