"""How many processors this process may use: what ONNX Runtime, torch and picture workers share."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_VARIABLES = ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS")


def available_processors(root: Path = Path("/")) -> int:
    """The fewest that something allows: the system, a container, a cluster or the user.

    Read are the processors to which the process is tied, quotas of its control groups (versions 1
    and 2), SLURM_CPUS_PER_TASK and OMP_NUM_THREADS. root: of the system's files.
    """
    tied = hasattr(os, "sched_getaffinity")
    limits = [len(os.sched_getaffinity(0)) if tied else os.cpu_count() or 1]
    for name in _VARIABLES:
        first = os.environ.get(name, "").partition(",")[0].strip()  # OpenMP: a number a level
        if first.isascii() and first.isdecimal() and int(first) > 0:
            limits.append(int(first))
    limits += [max(1, math.ceil(quota)) for quota in _quotas(root)]
    return min(limits)


def limit_torch(threads: int | None = None) -> None:
    """Have torch compute on so many threads; by default on those it would take and may."""
    import torch

    torch.set_num_threads(threads or min(torch.get_num_threads(), available_processors()))


def _quotas(root: Path) -> Iterator[float]:
    """Processors that control groups grant, the process's own and those around it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return  # another system
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / controllers
        own = top / path.lstrip("/")
        # In a container the path may be that outside of it, and its own files are at the top.
        for folder in (own, *own.parents):
            yield from _quota(folder, version_2=not controllers)
            if folder == top:
                break


def _quota(folder: Path, version_2: bool) -> Iterator[float]:
    try:
        if version_2:
            texts = (folder / "cpu.max").read_text().split()
        else:
            files = (folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")
            texts = [file.read_text() for file in files]
        quota, period = map(int, texts)
    except (OSError, ValueError):  # no such file, or no limit ("max")
        return
    if quota > 0 and period > 0:  # -1: no limit
        yield quota / period
