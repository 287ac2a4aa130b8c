"""The code blocks of the documentation, and what runs them.

A shell block is run line by line in the folder of its page: `peft-sp` in a process that has its
imports already, all else by bash. Blocks of Python share the names of their page; those with
prompts are doctests. What stands as `text` behind a shell block is what its last command printed.
"""

from __future__ import annotations

import configparser
import doctest
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
import yaml

from peft_sp.cli.commands import app
from peft_sp.training.recipe import read_recipe
from tests.support.commands import peft_sp
from tests.support.paths import ROOT

FENCE = re.compile(r"^( *)```([\w-]+)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
QUICK = {
    **dict.fromkeys(("train", "crossval"), ("--set", "optimisation.epochs=0.1")),
    "distill": (
        *("--set", "optimisation.epochs=0.1", "--set", "distillation.augmented_copies=0"),
        *("--set", "distillation.recombinants=0", "--set", "distillation.mosaics=0"),
    ),
    "tune": ("--set", "optimisation.epochs=0.1", "--trials", "1"),
    "partition": ("--method", "kmers", "--force"),
    "label": ("--force",),
}
"""Options more, by which a command takes seconds."""
RUNS = ("train", "crossval", "tune", "distill", "pretrain")
"""Commands that want an empty directory: each is run as if it were the first."""
SHELL_SIGNS = re.compile(r"[|;&<>$`(]|\*")
FEW = {"examples/ecoli_300.faa": "ecoli.faa"}
"""Where another model than `fast` predicts or is made: fewer proteins."""
SMALL_STUDENT = [
    *("--set", "student.width=8", "--set", "student.hidden=8", "--set", "student.convolutions=1")
]
COMMANDS: Any = typer.main.get_command(app)


@dataclass(frozen=True)
class Block:
    """A code block: where it begins, its language, its lines without their indentation."""

    place: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(
            f"{name}:{text[: found.start()].count(chr(10)) + 1}",
            found[2],
            re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE),
        )
        for found in FENCE.finditer(text)
    ]


def lines(text: str) -> Iterator[str]:
    """The lines of a shell block, those that go on joined, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#(?!SBATCH).*", "", line).rstrip()
        if bare:
            yield bare


@dataclass
class Runner:
    """The folder of a page, and what its blocks have made so far."""

    folder: Path
    backbone: str
    not_run: Callable[[str], bool]
    replaced: dict[str, str] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    printed: str = ""
    ran: list[str] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Run or read a block; fails with its place where something is wrong."""
        text = block.text
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        with chdir(self.folder):
            getattr(self, f"run_{block.language}")(text)

    def run_sh(self, text: str) -> None:
        others: list[str] = []
        for line in lines(text):
            plain = line.startswith("peft-sp ") and not SHELL_SIGNS.search(
                re.sub(r"'[^']*'|\"[^\"$]*\"|> \S+$", "", line)
            )
            if self.not_run(line):
                check_by_reading(line)
            elif plain:
                self.bash(others)
                self.command(line)
            else:
                others.append(line)
        self.bash(others)

    def command(self, line: str) -> None:
        """A `peft-sp` command, whose output may go to a file."""
        line, _, target = line.partition(" > ")
        _, *words = shlex.split(line)
        name = words[0]
        if name in RUNS or "--model" in words:
            words = [FEW.get(word, word) for word in words]
        if name in RUNS and "-o" in words:
            shutil.rmtree(words[words.index("-o") + 1], ignore_errors=True)
        words += QUICK.get(name, ())
        if name in RUNS:
            words += self.small_network(words)
        if name == "install-shim" and "--package" not in words:  # never beside the real command
            (self.folder / "bin").mkdir(exist_ok=True)
            words.append("bin")
        # A model that was trained here has no ONNX graph yet, and needs torch.
        kind = "training" if {"my-model", "my-lora"} & {*words} else ""
        wide = {"COLUMNS": "80"}
        code, self.printed, errors = peft_sp(*words, cwd=self.folder, kind=kind, environment=wide)
        assert code == 0, f"{line}\n{errors}"
        if target:
            (self.folder / target.strip()).write_text(self.printed)
        self.ran.append(line)

    def small_network(self, words: list[str]) -> list[str]:
        """Settings by which a recipe makes a tiny network, on the tiny backbone."""
        recipe = read_recipe(words[1])
        if recipe.student:
            return SMALL_STUDENT
        given = [word for word in words if word.startswith(("backbone=", "tuning.layers="))]
        more = [] if given else ["--set", f"backbone={self.backbone}"]
        if recipe.tuning and isinstance(getattr(recipe.tuning, "layers", None), int):
            more += ["--set", "tuning.layers=2"]
        return more

    def bash(self, waiting: list[str]) -> None:
        """What no `peft-sp` command is, by bash."""
        if not waiting:
            return
        path = os.pathsep.join(
            [str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(waiting)],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "COLUMNS": "80", "SLURM_ARRAY_TASK_ID": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, "\n".join([*waiting, run.stderr])
        self.printed = run.stdout
        self.ran += waiting
        waiting.clear()

    def run_text(self, text: str) -> None:
        def shown(given: str) -> list[str]:
            given = re.sub(r"PEFT-SP([-:])\d[\w.]*", r"PEFT-SP\1", given)
            return [line.rstrip() for line in given.strip().splitlines()]

        assert shown(self.printed) == shown(text)

    def run_python(self, text: str) -> None:
        if text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(text, self.names, "block", None, 0)
            assert not doctest.DocTestRunner().run(test, clear_globs=False).failed
            self.names.update(test.globs)
        else:
            exec(compile(text, "block", "exec"), self.names)

    def run_toml(self, text: str) -> None:
        """A recipe or a part of one; or settings of another program, which are only parsed."""
        found = tomllib.loads(text)
        if "project" in found:
            return
        base = (
            ""
            if "base" in found
            else f'base = "{"fast" if "distillation" in found else "lora-8M"}"\n'
        )
        (self.folder / "shown.toml").write_text(base + text)
        for name in [f"shown-{size}.toml" for size in found.get("sizes", ())] or ["shown.toml"]:
            read_recipe(name)

    def run_ini(self, text: str) -> None:
        configparser.ConfigParser(strict=False).read_string(text)

    def run_json(self, text: str) -> None:
        json.loads(text)

    def run_yaml(self, text: str) -> None:
        yaml.safe_load(text)


def check_by_reading(line: str) -> None:
    """What is not run is there, and has the options that the line gives it."""
    words = shlex.split(line.split(" > ", maxsplit=1)[0])
    if words[0] == "peft-sp":
        command, words = COMMANDS.commands[words[1]], words[1:]
        while hasattr(command, "commands"):  # as in `peft-sp shards run`
            command, words = command.commands[words[1]], words[1:]
        context = command.make_context(words[0], words[1:], resilient_parsing=True)
        assert not context.args and not getattr(context, "_protected_args", ()), line
    elif words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert f"\n{words[1]}:" in makefile, line
    elif words[0] == "python" and words[1].endswith(".py"):
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        options = [word for word in words[2:] if word.startswith("--")]
        assert all(f'"{option}"' in source for option in options), line
    elif words[:2] == ["pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        known = extras["project"]["optional-dependencies"]
        for named in re.findall(r"(?:peft-sp|\.)\[([\w,-]+)\]", line):
            assert set(named.split(",")) <= set(known), line
