"""A Ray cluster of this machine, which drivers in processes of their own connect to."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.commands import PEFT_SP
from tests.support.processes import children_of, runs, wait_for

_HEAD = """
import sys
from peft_sp.inference.hardware.cluster import connected
with connected("local", int(sys.argv[1])) as ray:
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
"""


def quick_start(folder: Path) -> dict[str, str]:
    """Variables that spare each of Ray's seven processes two seconds.

    A library that it loads would build the grammar of internet addresses, for which some other
    package of the tests has brought another library.
    """
    (folder / "rfc3987_syntax.py").write_text("raise ImportError('left out')\n")
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([before] if before else [])])}


def descendants_of(number: int) -> set[int]:
    """A process's children, and theirs."""
    found: set[int] = set()
    for child in children_of(number) if runs(number) else ():
        try:
            found |= {child} | descendants_of(child)
        except FileNotFoundError:  # it ended meanwhile
            continue
    return found


def name_of(number: int) -> str:
    """The command of a process, as Ray names its workers."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


class Cluster:
    """One that ends with this process; temporary: with a short name, for sockets."""

    def __init__(self, folder: Path, temporary: Path, processors: int = 2) -> None:
        self.token = secrets.token_hex(32)
        self.environment = {**quick_start(folder), "RAY_AUTH_TOKEN": self.token}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HEAD, str(processors)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment, "TMPDIR": str(temporary)},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the cluster could not be started"

    def workers(self) -> list[int]:
        """Numbers of the processes that predict shards."""
        return workers_of(self.process.pid)

    def end(self) -> None:
        """As a command ends; then none of its processes is left."""
        parts = descendants_of(self.process.pid)
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        wait_for(lambda: not any(map(runs, parts)))


def workers_of(number: int, kind: str = "ShardWorker") -> list[int]:
    """The processes that predict shards, or are actors of another kind, of a process's descendants.

    They have their name from when they have imported what they need.
    """
    return sorted(n for n in descendants_of(number) if name_of(n).startswith(f"ray::{kind}"))


class Driver:
    """`peft-sp shards run --cluster`, in a process of its own."""

    def __init__(
        self, plan: Path, out: Path, cluster: str, environment: dict[str, str], *more: str
    ) -> None:
        words: list[Any] = ["shards", "run", plan, "-o", out, "--cluster", cluster]
        self.process = subprocess.Popen(
            [*PEFT_SP, *map(str, words), *(more or ("--workers", "2"))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def kill(self) -> str:
        """As the kernel would, with all workers at work; the errors so far."""
        if self.runs:
            self.process.kill()
            return self.process.communicate()[1]
        return ""

    def end(self, seconds: float = 300) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        output, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, output, errors
