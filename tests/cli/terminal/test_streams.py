"""Streams that are closed, full, gone or of a small alphabet cost no results."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shlex import join

import pytest

from tests.support.commands import ALL_FILES, PEFT_SP

pytestmark = pytest.mark.integration
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def shell(tmp_path, good):
    """Run a line of bash in which $PREDICT predicts into `out`; code, output, errors."""

    def run(line: str, **environment: str) -> tuple[int, bytes, bytes]:
        predict = join([*PEFT_SP, "predict", str(good), "-o", str(tmp_path / "out")])
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line.replace("$PREDICT", predict)],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    ("line", "errors"),
    [
        ("$PREDICT 2>&-", b""),
        ("$PREDICT >&-", b""),
        ("$PREDICT >&- 2>&- <&-", b""),
        ("$PREDICT | true", b""),
        ("$PREDICT 2> >(exec true)", b""),
        pytest.param("$PREDICT 2>/dev/full", b"", marks=needs_full),
        pytest.param(
            "$PREDICT >/dev/full", b"No space left on device); the results in ", marks=needs_full
        ),
    ],
)
def test_results_are_whole_whatever_happens_to_the_streams(shell, tmp_path, line, errors):
    code, _, err = shell(line)
    assert code == 0 and errors in err and err.count(b"\n") == bool(errors)
    assert {path.name for path in (tmp_path / "out").iterdir()} == ALL_FILES
    # A message would go into a file that is opened in the place of a closed stream.
    assert all(b"peft-sp:" not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_mistakes_with_standard_error_closed_have_their_exit_code(shell):
    assert shell("$PREDICT --organism nosuch 2>&-")[:2] == (2, b"")


def test_a_table_needs_standard_output(shell, good):
    code, _, errors = shell(f"{join(PEFT_SP)} predict {good} -o - >&-")
    assert code == 2 and errors == (
        b"peft-sp: standard output: is closed; give -o a file or directory\n"
    )


@needs_full
def test_other_commands_say_that_their_output_is_lost(shell):
    code, _, errors = shell(f"{join(PEFT_SP)} models >/dev/full")
    assert code == 2 and errors == (
        b"peft-sp: standard output: cannot be written (No space left on device)\n"
    )
    assert shell(f"{join(PEFT_SP)} recipes | head -n 1")[0] == 0


BRACKETS = "[/b][red]größe " + "x" * 150
ODD = b"\x1b[31mred \xe9"
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("environment", [{}, PLAIN, {"PYTHONIOENCODING": "ascii"}])
def test_any_name_of_a_directory_can_be_written_and_shown(good, tmp_path, environment):
    out = os.fsencode(tmp_path / BRACKETS) + ODD
    command = [*PEFT_SP, "predict", str(good), "-o", out, "--summary"]
    run = subprocess.run(
        command, capture_output=True, check=False, env={**os.environ, **environment}
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert {path.name for path in Path(os.fsdecode(out)).iterdir()} == {*ALL_FILES, "summary.html"}
    (written,) = (line for line in run.stdout.splitlines() if line.startswith(b"written to "))
    if not environment:
        shown = f"written to {tmp_path / BRACKETS}\\x1b[31mred \\udce9/"
        assert written.decode() == shown
    assert b"\x1b" not in run.stdout and written.endswith(b"/")


@pytest.mark.parametrize("name", [os.fsencode(BRACKETS), ODD])
def test_any_name_of_a_model_or_input_is_one_line(tmp_path, name):
    for arguments in (["-m", name, "in.faa"], [name]):
        command = [*PEFT_SP, "predict", "-o", str(tmp_path / "out"), *arguments]
        (tmp_path / "in.faa").write_text(">a\nMKT\n")
        run = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
        assert run.returncode == 2 and run.stderr.count(b"\n") == 1
        assert b"\x1b" not in run.stderr and b"Traceback" not in run.stderr


@needs_full
def test_a_full_device_is_one_line(ecoli):
    command = [*PEFT_SP, "predict", str(ecoli), "-o", "-"]
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 2
    assert run.stderr.decode().count("\n") == 1 and b"No space left" in run.stderr
