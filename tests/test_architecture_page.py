"""docs/architecture.md: its picture is current, and what it names is there."""

from __future__ import annotations

import ast
import re

from scripts.architecture import SOURCE, picture, read_house

from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"


def test_the_picture_is_of_the_present_house():
    assert PICTURE.read_text() == picture(read_house()), "run python scripts/architecture.py"
    assert f"images/{PICTURE.name}" in PAGE.read_text()


def quoted() -> set[str]:
    """What stands between single backticks, code blocks aside."""
    text = re.sub(r"^```.*?^```", "", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", text))


def test_every_file_that_the_page_names_is_there():
    paths = {name for name in quoted() if re.fullmatch(r"[\w./-]+\.(py|md|toml|css|js|svg)", name)}
    assert len(paths) > 30
    bases = (SOURCE, ROOT)
    assert not [name for name in paths if not any((base / name).exists() for base in bases)]


def names_in(tree: ast.AST) -> dict[str, ast.AST]:
    """Functions, classes, constants and annotated fields that a body defines."""
    found: dict[str, ast.AST] = {}
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_every_function_that_the_page_names_is_there():
    """`module.name` or `module.Class.method`; the module is a file of the package."""
    files: dict[str, list[ast.AST]] = {}
    for module in read_house().values():
        name = module.name.removesuffix("/__init__").split("/")[-1]
        files.setdefault(name, []).append(module.tree)
    endings = ("py", "md", "toml", "css", "js", "svg", "tsv", "json", "onnx", "safetensors", "gff3")
    named = {name for name in quoted() if re.fullmatch(r"[a-z]\w*(\.\w+)+", name)}
    named = {name for name in named if name.split(".")[-1] not in endings}
    assert len(named) > 40
    for name in named:
        module, *inner = name.split(".")
        assert module in files, f"there is no file for {name}"
        trees = files[module]
        for part in inner:
            trees = [names_in(tree)[part] for tree in trees if part in names_in(tree)]
        assert trees, f"there is no {name}"
