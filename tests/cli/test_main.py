"""What every command has in common: one line for a mistake, help with an example, signals."""

from __future__ import annotations

import os
import signal

import pytest
import typer
from typer.main import get_command

from peft_sp.cli import main as cli
from peft_sp.errors import InputError
from tests.support.commands import peft_sp

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
            cli.main()
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
        cli.main()
    output, errors = capsys.readouterr()
    assert (end.value.code, output, errors.count("\n")) == (2, "", 1)
    assert f"'{option[0]}' is empty; was a variable not set?" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_its_number(run, number):
    def stop() -> None:
        os.kill(os.getpid(), number)

    assert run(stop) == (128 + number, "", "peft-sp: stopped\n")


def test_wrong_usage_is_one_line_that_points_to_the_help(run):
    def refuse() -> None:
        raise typer.BadParameter("-n must be 1 or more")

    code, output, errors = run(refuse)
    assert (code, output) == (2, "")
    assert errors.startswith("peft-sp: ") and "-n must be 1 or more" in errors
    assert errors.endswith("(--help shows what there is)\n") and errors.count("\n") == 1


def test_done_is_0(run):
    assert run(lambda: print("done")) == (0, "done\n", "")


@pytest.mark.integration
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_describes_it(command):
    code, output, errors = peft_sp(command, "--help", env={**os.environ, "COLUMNS": "100"})
    assert (code, errors) == (0, "")
    assert output.startswith("\n Usage: peft-sp") or "usage: " in output.lower()


@pytest.mark.integration
def test_without_arguments_the_commands_are_listed():
    code, output, errors = peft_sp(env={**os.environ, "COLUMNS": "100"})
    assert code == 2
    assert all(command in output + errors for command in COMMANDS)
