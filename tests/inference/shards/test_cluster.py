"""Shards on a Ray cluster of this machine: whatever is killed, the table is that of one run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import peft_sp
from peft_sp.errors import OptionError
from peft_sp.inference.shards.cluster import LOCAL, Workers, predict_on_cluster
from peft_sp.inference.shards.proof import merge, status, verify
from peft_sp.io.shards.plan import Predicting, make_plan, read_plan

pytest.importorskip("ray", reason="needs the extra cluster")
pytestmark = pytest.mark.integration


def processes(beginning: str) -> list[int]:
    """Numbers of the processes whose command begins so, as Ray names its workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if command.startswith(beginning):
            found.append(int(entry.parent.name))
    return found


class Driver:
    """The command, in a process of its own."""

    def __init__(self, plan: Path, out: Path) -> None:
        command = ["shards", "run", plan, "-o", out, "--cluster", "local", "--workers", "2"]
        self.plan, self.out = read_plan(plan), out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "peft_sp.cli.main", *map(str, command)],
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, shards: int) -> None:
        """Until so many more shards are done, or all."""
        goal = min(len(status(self.plan, self.out).done) + shards, len(self.plan.shards))
        ends = time.monotonic() + 120
        while len(status(self.plan, self.out).done) < goal and self.process.poll() is None:
            assert time.monotonic() < ends, "no shard was finished in two minutes"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_workers_and_drivers_are_killed_and_the_table_is_that_of_one_run(shared, tmp_path):
    inputs = sorted(map(str, (shared / "data" / "proteomes").glob("*.faa")))
    plan, out, chance = tmp_path / "plan.json", tmp_path / "out", random.Random(1)
    fingerprint = peft_sp.load("fast").fingerprint
    make_plan(inputs, Predicting("fast", fingerprint, "other"), 1000).write(plan)
    for _ in range(3):
        driver = Driver(plan, out)
        driver.wait_for(chance.randint(2, 4))
        if workers := processes("ray::ShardWorker"):
            os.kill(chance.choice(workers), signal.SIGKILL)
        driver.wait_for(chance.randint(2, 4))
        driver.kill()
    driver = Driver(plan, out)
    _, errors = driver.process.communicate(timeout=300)
    assert driver.process.returncode == 0, errors
    own = read_plan(plan)
    assert verify(own, out) == []
    merge(own, out, tmp_path / "merged.tsv")
    peft_sp.predict_run(inputs, tmp_path / "one")
    one = (tmp_path / "one" / "predictions.tsv").read_bytes()
    assert (tmp_path / "merged.tsv").read_bytes() == one


def test_a_shard_whose_input_is_gone_is_tried_and_named(plan, inputs, tmp_path, predictor):
    (tmp_path / "gone.faa").write_text(Path(inputs[0]).read_text())
    files = [inputs[0], str(tmp_path / "gone.faa")]
    own = make_plan(files, plan.predicting, 20)
    (tmp_path / "gone.faa").unlink()
    told: list[str] = []
    found = predict_on_cluster(own, tmp_path / "out", LOCAL, Workers(2), notice=told.append)
    bad = {s.number for s in own.shards if any("gone" in part.name for part in s.parts)}
    assert set(found.problems) == bad and not found.missing
    assert len(found.done) == len(own.shards) - len(bad) > 0
    assert all("gone.faa: no such file" in problem for problem in found.problems.values())
    assert len(told) == 3 * len(bad) and "try 3 of 3" in told[-1]


def test_a_cluster_that_is_not_there_is_one_line(plan, tmp_path):
    with pytest.raises(OptionError, match=r"the cluster '127\.0\.0\.1:1' cannot be reached"):
        predict_on_cluster(plan, tmp_path, "127.0.0.1:1", Workers())
