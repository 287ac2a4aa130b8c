"""Processors that a run may use: of the system, a container, a cluster and the user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from peft_sp.inference.hardware.processors import available_processors, limit_torch

CGROUP = "sys/fs/cgroup"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system of 16 processors, with the files that are given."""
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)

    def with_files(files: dict[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return with_files


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        # Version 2: the process's own group, one around it, and a container's top.
        ({"proc/self/cgroup": "0::/a/b\n", f"{CGROUP}/a/b/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/a/b\n", f"{CGROUP}/a/cpu.max": "400000 100000\n"}, 4),
        ({"proc/self/cgroup": "0::/docker/1\n", f"{CGROUP}/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", f"{CGROUP}/cpu.max": "max 100000\n"}, 16),
        # Version 1.
        (
            {
                "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x\n1:name=systemd:/x\n",
                f"{CGROUP}/cpu,cpuacct/x/cpu.cfs_quota_us": "200000\n",
                f"{CGROUP}/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/x\n",
                f"{CGROUP}/cpu/x/cpu.cfs_quota_us": "-1\n",
                f"{CGROUP}/cpu/x/cpu.cfs_period_us": "100000\n",
            },
            16,
        ),
        ({"proc/self/cgroup": "nonsense\n"}, 16),
    ],
)
def test_quotas_of_control_groups_are_kept(system, files, expected):
    assert available_processors(system(files)) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OMP_NUM_THREADS": "4"}, 4),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"SLURM_CPUS_PER_TASK": "3", "OMP_NUM_THREADS": "8"}, 3),
        ({"OMP_NUM_THREADS": "99"}, 16),
        ({"OMP_NUM_THREADS": "0", "SLURM_CPUS_PER_TASK": "many"}, 16),
    ],
)
def test_variables_of_openmp_and_slurm_are_kept(system, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert available_processors(system({})) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no processes")
def test_processors_to_which_the_process_is_tied_are_kept(monkeypatch):
    allowed = os.sched_getaffinity(0)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert available_processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_torch_takes_no_more_unless_it_is_asked_to(monkeypatch):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    try:
        limit_torch(2)
        assert torch.get_num_threads() == 2
        limit_torch()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
