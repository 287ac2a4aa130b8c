"""A search for settings as a command."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from peft_sp.cli.main import main
from peft_sp.io.labelled import partition, write_labelled
from tests.support import forked
from tests.support.commands import rows

pytestmark = pytest.mark.integration
RECIPE = (
    'name = "small"\ndata = "{data}"\n[student]\nwidth = 16\nhidden = 8\nconvolutions = 1\n'
    "[partitions]\ntrain = [1]\nvalidation = 2\ntest = 0\n[optimisation]\nepochs = 1\n"
    '[search]\n"optimisation.learning_rate" = {{low = 1e-3, high = 1e-2, log = true}}\n'
    '"student.kernel" = {{choices = [3, 5]}}\n'
)


@pytest.fixture
def recipe(tmp_path, labelled):
    data = tmp_path / "few.fasta"
    write_labelled(data, [p for n in (0, 1, 2) for p in partition(labelled, [n])[::3]])
    path = tmp_path / "small.toml"
    path.write_text(RECIPE.format(data=data))
    return path


@pytest.fixture
def tune(monkeypatch, capsys):
    """The command in this process, where torch is loaded: exit code, output, errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["peft-sp", "tune", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_search_that_is_killed_goes_on(tmp_path, recipe, tune):
    out = tmp_path / "search"
    arguments = (recipe, "--trials", 2, "-o", out)
    process = forked.start("tune", *arguments)
    process.await_error("\ntrial 0, fold 1/2:")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait()[0] == -signal.SIGKILL
    assert rows(out / "trials.tsv") == [] and not (out / "best.json").exists()

    code, output, errors = tune(*arguments)
    assert code == 0, errors
    states = [(row["number"], row["state"]) for row in rows(out / "trials.tsv")]
    assert states == [("0", "fail"), ("1", "complete"), ("2", "complete")]
    assert "partitions 1 and 2; partition 0 is not used" in errors
    assert "trial 2 complete" in errors and "trial 1, fold 1/2" not in errors
    best = json.loads((out / "best.json").read_text())
    assert "2 trials complete" in output and "partition 2" in output
    assert all(line in output for line in best["set"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (["speed=1"], "unknown option speed"),
        (
            ["search.optimisation.max_grad_norm={low=1}"],
            "max_grad_norm: give either choices or both low and high",
        ),
        (["search.speed={low=1,high=2}"], "search.speed: names no option of the recipe"),
        (['data="none.fasta"'], "none.fasta: no such file"),
        (["partitions={train=[1]}"], "not 1 alone"),
    ],
)
def test_mistakes_are_one_line(tmp_path, recipe, changes, problem, tune):
    settings = [word for change in changes for word in ("--set", change)]
    code, _, errors = tune(recipe, "--trials", 1, "-o", tmp_path / "search", *settings)
    assert code == 2
    lines = [line for line in errors.splitlines() if "validated on" not in line]
    assert len(lines) == 1 and problem in lines[0], lines
    assert not (tmp_path / "search").exists()


def test_what_cannot_be_used_is_one_line_too(tmp_path, recipe, tune):
    code, _, errors = tune(recipe, "--trials", 0, "-o", tmp_path / "search")
    assert code == 2 and "--trials" in errors
    code, _, errors = tune(recipe, "--trials", 1, "-o", recipe)
    assert code == 2
    (line,) = [line for line in errors.splitlines() if line.startswith("peft-sp: ")]
    assert "small.toml: is a file, not a directory" in line
