"""What every command has in common: one line for a mistake, help with an example, signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from peft_sp.cli import commands as cli
from peft_sp.cli.main import main
from peft_sp.errors import InputError
from tests.support.commands import PEFT_SP, peft_sp

COMMANDS = sorted(get_command(cli.app).commands)


@pytest.fixture
def run(monkeypatch, capsys):
    """`main` of an app whose command does something; exit code, output, errors."""

    def run_with(action):
        app = typer.Typer()
        app.command()(action)
        monkeypatch.setattr(cli, "app", app)
        monkeypatch.setattr("sys.argv", ["peft-sp"])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield run_with
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_mistake_of_the_user_is_one_line_with_how_it_left_things(run):
    def fail() -> None:
        error = InputError("not FASTA", path="a.faa", line=1)
        error.add_note("nothing was written")
        raise error

    assert run(fail) == (2, "", "peft-sp: a.faa, line 1: not FASTA; nothing was written\n")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", [["-o", ""], ["--output="]], ids=["-o", "--output="])
def test_an_empty_argument_is_refused_whatever_the_command(command, option, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["peft-sp", command, "in.faa", *option])
    monkeypatch.setattr(cli, "app", lambda **_: pytest.fail("the command was started"))
    with pytest.raises(SystemExit) as end:
        main()
    output, errors = capsys.readouterr()
    assert (end.value.code, output, errors.count("\n")) == (2, "", 1)
    assert f"'{option[0]}' is empty; was a variable not set?" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_its_number(run, number):
    def stop() -> None:
        os.kill(os.getpid(), number)

    before = signal.signal(number, signal.SIG_DFL)  # it may be ignored here, as under nohup
    try:
        assert run(stop) == (128 + number, "", "peft-sp: stopped\n")
    finally:
        signal.signal(number, before)


def test_wrong_usage_is_one_line_that_points_to_the_help(run):
    def refuse() -> None:
        raise typer.BadParameter("-n must be 1 or more")

    code, output, errors = run(refuse)
    assert (code, output) == (2, "")
    assert errors == "peft-sp: -n must be 1 or more (--help shows what there is)\n"


def test_done_is_0(run):
    assert run(lambda: print("done")) == (0, "done\n", "")


@pytest.mark.integration
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_describes_it(command):
    code, output, errors = peft_sp(command, "--help", environment={"COLUMNS": "100"})
    assert (code, errors) == (0, "")
    assert output.startswith("\n Usage: peft-sp") or "usage: " in output.lower()


@pytest.mark.integration
def test_without_arguments_the_commands_are_listed():
    code, output, errors = peft_sp(environment={"COLUMNS": "100"})
    assert code == 2
    assert all(command in output + errors for command in COMMANDS)


PRINTING = ("--version", "--help", "signalp6 --version", "signalp6 -h", "models")


@pytest.mark.integration
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("words", PRINTING)
def test_output_that_nobody_takes_is_no_traceback(words):
    command = [*PEFT_SP, *words.split()]
    with open("/dev/full", "wb") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1), run.stderr
    assert run.stderr.startswith(b"peft-sp: standard output: cannot be written (No space")
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, b"")


EVALUATE = "evaluate fast some.fasta --json to.json --partition"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("words", "code", "written"),
    [
        (f"{EVALUATE} 0", 0, "to.json"),
        (f"{EVALUATE} 7", 2, None),
        ("predict some.faa -o out --plots svg", 0, "out/predictions.tsv"),
        ("predict none.fasta -o out", 2, None),
    ],
)
def test_a_command_that_tests_fork_is_one_that_is_started(
    labelled_file, good, tmp_path, words, code, written
):
    """`peft_sp` forks commands: its other tests are worth what this one is."""
    folders = [tmp_path / name for name in ("forked", "started")]
    for folder in folders:
        folder.mkdir()
        shutil.copy(labelled_file, folder / "some.fasta")
        shutil.copy(good, folder / "some.faa")
    forked = peft_sp(*words.split(), cwd=folders[0])
    started = peft_sp(*words.split(), cwd=folders[1], env=dict(os.environ))
    assert forked == started and forked[0] == code
    found = [{str(path.relative_to(f)) for path in f.rglob("*")} for f in folders]
    assert found[0] == found[1]
    if written:
        assert (folders[0] / written).read_bytes() == (folders[1] / written).read_bytes()


@pytest.mark.integration
def test_what_was_printed_before_a_mistake_does_not_cost_the_exit_code():
    code = (
        "import typer\n"
        "from peft_sp.cli import commands\n"
        "from peft_sp.errors import OptionError\n"
        "from peft_sp.cli.main import main\n"
        "def fail():\n    print('half a table')\n    raise OptionError('odd')\n"
        "app = commands.app = typer.Typer()\napp.command()(fail)\nmain()\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (2, b"peft-sp: odd\n")
