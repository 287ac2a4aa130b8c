"""Signals: the first ends a command, further ones change nothing, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes import runs

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


def test_an_end_that_a_library_puts_in_place_of_ours_does_not_count():
    code, output, errors = run(
        "signals.raise_again()\ntry:\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "except SystemExit:\n    print('taken')\nsignals.raise_again()\nprint('not stopped')\n"
    )
    assert (code, output, errors) == (128 + signal.SIGTERM, "taken\n", "")


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


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_a_program_was_started_to_ignore_it_ignores(name):
    """As under nohup, behind trap '' INT, and in the background of a script."""
    if not hasattr(signal, name):
        pytest.skip(f"this system has no {name}")
    code = (
        f"signal.signal(signal.{name}, signal.SIG_IGN)\nsignals = Signals()\n"
        "with signals.ending_at_once():\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        f"os.kill(os.getpid(), signal.{name})\nprint('heard nothing')"
    )
    # The handlers of START come first and are no longer there.
    run_alone = START.replace("signals = Signals()", "") + code
    done = subprocess.run([sys.executable, "-c", run_alone], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"heard nothing\n", b"")


# Inside a library, where Python hears nothing ---------------------------------------------------

STEP = """
import ctypes, threading
from concurrent.futures import ThreadPoolExecutor
import peft_sp.cli.terminal.stopping as own
def never_ends():
    mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    libc.pthread_mutex_lock(mutex), libc.pthread_mutex_lock(mutex)
def send(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()
"""


@pytest.mark.integration
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it waits in the C library")
@pytest.mark.parametrize(
    "code",
    [
        "own._BEGINS_WITHIN = 0.2\nsend(0.1)\nnever_ends()",
        "own._HURRIED = 0.2\nsend(0.1), send(0.3)\nnever_ends()",
        "own._ENDS_WITHIN = 0.2\nsend(0.3)\n"
        "with ThreadPoolExecutor(1) as workers:\n    workers.submit(never_ends).result()",
    ],
    ids=["one signal", "two signals", "in another thread"],
)
def test_a_command_in_a_step_that_does_not_end_is_ended(code):
    start = time.monotonic()
    number, output, errors = run(STEP + code)
    assert (number, output) == (128 + signal.SIGTERM, "")
    assert errors.startswith("peft-sp: stopped in the middle of a step")
    assert errors.count("\n") == 1 and time.monotonic() - start < 9


@pytest.mark.skipif(os.name != "posix", reason="signals are not sent there")
def test_who_handles_signals_otherwise_is_left_alone():
    """Such as the server, which answers open requests first."""
    code = "own._BEGINS_WITHIN = 0.1\nsignal.signal(signal.SIGTERM, lambda *_: print('own'))\n"
    code += "os.kill(os.getpid(), signal.SIGTERM)\nimport time\ntime.sleep(0.5)\nprint('end')"
    assert run(STEP + code) == (0, "own\nend\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_signal_to_a_child_is_not_the_commands():
    code = (
        "import time\nown._BEGINS_WITHIN = 0.1\nready, begun = os.pipe()\nchild = os.fork()\n"
        "if not child:\n    os.write(begun, b'x')\n    time.sleep(20)\n    os._exit(9)\n"
        "os.read(ready, 1)\nos.kill(child, signal.SIGTERM)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\ntime.sleep(0.5)"
    )
    assert run(STEP + code) == (0, f"{128 + signal.SIGTERM}\n", "")


# A run that draws pictures in several processes ------------------------------------------------

DRAW = (sys.executable, "-P", "-m", "peft_sp.cli.main", "predict")
OPTIONS = ("-o", "out", "--plots", "png", "--threads", "2")


@pytest.mark.integration
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="this system shows no processes")
@pytest.mark.parametrize("kill", [False, True], ids=["two interrupts", "a kill"])
def test_pictures_are_drawn_by_nobody_once_a_run_has_ended(kill, ecoli, tmp_path):
    pytest.importorskip("matplotlib")
    # Traps: a child that looks for modules in the current directory would run them.
    for name in ("pickle", "selectors", "queue", "numpy", "matplotlib"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('not {name}')\n")
    with subprocess.Popen(
        [*DRAW, str(ecoli), *OPTIONS], cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        drawing: list[int] = []
        deadline = time.monotonic() + 120
        while len(drawing) < 2 and time.monotonic() < deadline and process.poll() is None:
            drawing = sorted({*drawing, *_children(process.pid)})
            time.sleep(0.01)
        for number in [signal.SIGKILL] if kill else [signal.SIGINT, signal.SIGINT]:
            os.killpg(process.pid, number)  # as a terminal does
        _, errors = process.communicate(timeout=60)
    assert len(drawing) == 2, errors
    assert process.returncode == (-signal.SIGKILL if kill else 128 + signal.SIGINT)
    if not kill:
        assert errors.startswith(b"peft-sp: stopped; ") and errors.count(b"\n") == 1
    deadline = time.monotonic() + 30
    while any(map(runs, drawing)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, drawing))


def _children(pid: int) -> set[int]:
    """Processes that any thread of a process has started."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found.update(map(int, task.read_text().split()))
        except OSError:  # the thread has ended
            continue
    return found
