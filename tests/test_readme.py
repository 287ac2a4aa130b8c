"""README's commands are run as they stand, on small data under the names it uses."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    shell = "".join(text for language, text in BLOCKS if language == "sh").replace("\\\n", " ")
    return [" ".join(line.split()) for line in shell.splitlines() if line.startswith("peft-sp")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, labelled_file, tiny_backbone) -> Path:
    place = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", place / "examples")
    shutil.copytree(ROOT / "recipes", place / "recipes")
    shutil.copy(labelled_file, place / "train_set.fasta")
    shutil.copytree(tiny_backbone, place / "esm2_t6_8M")
    return place


def test_there_are_commands():
    assert len(commands()) >= 4


@pytest.mark.integration
@pytest.mark.parametrize("command", commands())
def test_command(command, workplace):
    arguments = shlex.split(command)[1:]
    if arguments[0] in ("train", "crossval"):
        arguments += ["--set", "optimisation.epochs=0.1"]
    run = subprocess.run(
        [sys.executable, "-m", "peft_sp.cli.main", *arguments],
        cwd=workplace,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.integration
def test_python(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "README.md", "exec"), {})


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_links_lead_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path}: {link}"
