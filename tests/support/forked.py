"""Commands and programs, each in a process of its own that has its imports already.

Torch and what comes with it take seconds to import in each of a hundred commands, the rest half a
second in each of hundreds. Here one process imports what training needs, one what predictions need,
one the hub's library with it, and one the packages of others alone; they do nothing else, and fork
for every command: its exit code, its output and what it leaves behind are those of a command that
was started cold. What it shares with others of its kind is the seed of Python's hashes:
`tests/cli/test_commands.py` compares forked commands with ones that were started cold.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
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
# `peft_sp` is the first, since ONNX Runtime must find its telemetry off.
IMPORTED = {
    "prediction": (
        *("peft_sp", "onnxruntime", "rich.table", "peft_sp.cli.commands", "peft_sp.inference.run"),
        "peft_sp.inference.loading",
    ),
    "training": (
        *("peft_sp", "matplotlib.figure", "peft_sp.cli.commands"),
        "peft_sp.network.imports.importing",
        *("peft_sp.training.runs.crossval", "peft_sp.training.export", "peft_sp.inference.run"),
        *("peft_sp.training.pretraining.run", "peft_sp.training.search.trials"),
    ),
    # Commands of `tests/support/hub_user.py`, which sets the library up anew.
    "hub": (
        *("peft_sp", "onnxruntime", "rich.table", "peft_sp.cli.commands", "peft_sp.inference.run"),
        *("huggingface_hub.hf_api", "huggingface_hub.utils", "huggingface_hub.file_download"),
        *("huggingface_hub.repocard", "peft_sp.inference.loading"),
    ),
    # For a copy of the package that a test has changed.
    "others": (
        *("torch", "transformers.models.esm.modeling_esm", "peft", "accelerate", "safetensors"),
        *("pydantic", "typer", "rich.table", "onnx", "scipy.stats", "sklearn", "dnaio", "xopen"),
    ),
}


@dataclass(frozen=True)
class Command:
    """A process that was forked. Its kind does nothing else before it has been waited for."""

    pid: int
    server: subprocess.Popen[str]
    place: tempfile.TemporaryDirectory[str]

    def await_error(self, text: str) -> None:
        """Until a text stands in its errors."""
        deadline = time.monotonic() + 120
        while text not in (errors := Path(self.place.name, STREAMS[1]).read_text()):
            assert time.monotonic() < deadline, errors
            time.sleep(0.02)

    def wait(self) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        assert self.server.stdout
        code = int(self.server.stdout.readline())
        with self.place as place:
            output, errors = (Path(place, name).read_bytes().decode() for name in STREAMS)
        return code, output, errors


STREAMS = ("output", "errors")


def start(
    *arguments: object,
    kind: str = "",
    program: str = "",
    cwd: StrPath | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Command:
    """Begin the command `peft-sp` with some arguments, or a program in Python.

    An environment is what it finds in place of this one when it runs: modules are imported already.
    """
    words = [str(argument) for argument in arguments]
    if not kind:
        kind = "training" if words[:1] and words[0] in TRAINING else "prediction"
    server = _started(kind)
    assert server.stdin and server.stdout
    place = tempfile.TemporaryDirectory()
    given = Path(place.name, "input")
    given.write_bytes(stdin)
    for name in STREAMS:
        Path(place.name, name).touch()
    streams = [str(given) if stdin else os.devnull, *(f"{place.name}/{name}" for name in STREAMS)]
    around = dict(os.environ if environment is None else environment)
    request = [program, words, str(cwd or Path.cwd()), streams, around]
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return Command(int(server.stdout.readline()), server, place)


def run(*arguments: object, **options: Any) -> tuple[int, str, str]:
    """Exit code, output and errors of a command or program (`start`)."""
    return start(*arguments, **options).wait()


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
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def _searched(environment: Mapping[str, str]) -> list[str]:
    return [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]


def _become(
    arguments: list[str], folder: str, streams: list[str], environment: dict[str, str]
) -> None:
    """As if Python had been started with this command, here and with these streams."""
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(0),
        os.fdopen(1, "w"),
        os.fdopen(2, "w", buffering=1, errors="backslashreplace"),
    )
    rest = sys.path[1 + len(_searched(os.environ)) :]
    sys.path[:] = [folder, *_searched(environment), *rest]
    importlib.invalidate_caches()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["peft-sp", *arguments]


if __name__ == "__main__":
    for name in IMPORTED[sys.argv[1]]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    program, *given = _next()
    _become(*given)
    exec(program or "from peft_sp.cli.main import main; main()", {"__name__": "__main__"})
