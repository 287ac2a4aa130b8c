"""Commands, each in a process of its own that has its imports already.

Torch and what comes with it take seconds to import in each of a hundred commands, the rest half a
second in each of hundreds. Here one process imports what training needs and one what predictions
need; they do nothing else, and fork for every command: its exit code, its output and what it leaves
behind are those of a command that was started cold.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from _typeshed import StrPath

TRAINING = (
    *("train", "crossval", "tune", "distill", "pretrain", "evaluate", "export", "import"),
    "recipes",
)
"""Commands that import torch or what comes with it; the others must do without."""
IMPORTED = {
    "prediction": (
        *("onnxruntime", "rich.table", "peft_sp.cli.commands", "peft_sp.inference.run"),
        "peft_sp.inference.loading",
    ),
    "training": (
        *("matplotlib.figure", "peft_sp.cli.commands", "peft_sp.network.fairesm"),
        *("peft_sp.training.crossval", "peft_sp.training.export"),
        *("peft_sp.training.pretraining.run", "peft_sp.training.search.trials"),
    ),
}


def run(arguments: tuple[str, ...], folder: StrPath | None) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    server = _started("training" if arguments[:1] and arguments[0] in TRAINING else "prediction")
    assert server.stdin and server.stdout
    with tempfile.TemporaryDirectory() as place:
        streams = [str(Path(place, name)) for name in ("output", "errors")]
        request = [arguments, str(folder or Path.cwd()), streams, dict(os.environ)]
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        output, errors = (Path(path).read_bytes().decode() for path in streams)
    return code, output, errors


@cache
def _started(kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.forked", kind]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **pipes)


def _next() -> list[Any]:
    """The next command, in the process of that command; ends when there are no more."""
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            return json.loads(line)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def _become(
    arguments: list[str], folder: str, streams: list[str], environment: dict[str, str]
) -> None:
    """As if Python had been started with this command, here and with these streams."""
    for number, path in enumerate([os.devnull, *streams]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(0),
        os.fdopen(1, "w"),
        os.fdopen(2, "w", buffering=1, errors="backslashreplace"),
    )
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["peft-sp", *arguments]


if __name__ == "__main__":
    for name in IMPORTED[sys.argv[1]]:
        importlib.import_module(name)
    from peft_sp.cli.main import main

    gc.collect()
    gc.freeze()
    _become(*_next())
    main()
