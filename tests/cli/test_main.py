"""The program's first moments: whoever interrupts them gets a line, and no traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

START = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            print("loading", flush=True)
            try:
                time.sleep(60)
            except BaseException as error:  # as a module may do that takes it for its own error
                raise ImportError(name) from error
sys.meta_path.insert(0, Slow())
from peft_sp.cli.main import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_modules_are_loaded_is_one_line(number):
    with subprocess.Popen(
        [sys.executable, "-c", START], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"loading\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, b"peft-sp: stopped\n")


def test_nothing_that_takes_time_is_loaded_before_signals_are_heard():
    code = (
        "import sys\nfrom peft_sp.cli import main\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv)))"
    )
    command = [sys.executable, "-c", code, "typer", "numpy", "rich", "onnxruntime", "json"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"[]\n"
