"""Which processes there are."""

from __future__ import annotations

import time
from pathlib import Path


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended, on a system that shows them in /proc."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def children_of(number="self"):
    """Numbers of the processes that a process has started and that it has not waited for."""
    tasks = Path(f"/proc/{number}/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def wait_for(condition, seconds=60):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
