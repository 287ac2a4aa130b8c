"""Signals: the first ends a command, further ones change nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

START = """
import os, signal, sys
from peft_sp.cli.terminal.stopping import Signals, Stopped
signals = Signals()
"""


def run(code: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a program that handles signals as commands do."""
    done = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("second", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_second_signal_does_not_disturb_what_the_first_began(second):
    code, output, errors = run(
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        f"finally:\n    os.kill(os.getpid(), signal.{second})\n    print('cleaned up')\n"
    )
    assert (code, output, errors) == (128 + signal.SIGINT, "cleaned up\n", "")


def test_when_all_is_done_a_signal_comes_too_late():
    code = "signals.ignore()\nos.kill(os.getpid(), signal.SIGTERM)\nprint('whole')\n"
    assert run(code) == (0, "whole\n", "")


def test_a_signal_while_python_does_away_with_an_object_is_not_lost():
    code, output, errors = run(
        "import time\nclass Old:\n"
        "    def __del__(self):\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "old = Old()\ndel old\ntime.sleep(60)\nprint('not stopped')\n"
    )
    assert (code, output, errors) == (128 + signal.SIGTERM, "", "")


def test_other_errors_there_are_reported_as_ever():
    code, _, errors = run(
        "class Old:\n    def __del__(self):\n        raise ValueError('odd')\nold = Old()\ndel old"
    )
    assert code == 0 and "ValueError: odd" in errors


def test_a_program_under_nohup_stays_deaf_to_hang_ups():
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("this system has no SIGHUP")
    code = (
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nSignals()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\nprint('heard nothing')"
    )
    assert run(code) == (0, "heard nothing\n", "")
