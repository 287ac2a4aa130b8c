"""Shards on a Ray cluster of this machine: whatever is killed, the table is that of one run."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import peft_sp
from peft_sp.inference.hardware.cluster import LOCAL
from peft_sp.inference.shards.driver import Workers, predict_on_cluster
from peft_sp.inference.shards.proof import merge, status, verify
from peft_sp.io.shards.plan import Predicting, make_plan, read_plan
from tests.support.processes import runs, wait_for
from tests.support.ray_cluster import Cluster, Driver, descendants_of, quick_start, workers_of

pytest.importorskip("ray", reason="needs the extra cluster")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, short_folder):
    """Of two processors; nothing is left of it."""
    own = Cluster(tmp_path_factory.mktemp("c"), short_folder)
    yield own
    own.end()
    assert list(short_folder.glob("*")) == []


@pytest.fixture(scope="module")
def proteins(tmp_path_factory, ecoli):
    """Some thousand different proteins: those of an example, changed at two residues each."""
    chance, path = random.Random(3), tmp_path_factory.mktemp("p") / "proteins.faa"
    records = [record.split("\n", 1) for record in ecoli.read_text().split(">")[1:]]
    with path.open("w") as file:
        for copy in range(10):
            for header, lines in records:
                residues = list(lines.replace("\n", ""))
                for _ in range(2):
                    at = chance.randrange(1, min(60, len(residues)))
                    residues[at] = chance.choice("AVLKRS")
                name, _, rest = header.partition(" ")
                file.write(f">{name}-{copy} {rest}\n{''.join(residues)}\n")
    return [str(path)]


def planned(inputs, proteins_a_shard, path):
    """A plan in a file."""
    predicting = Predicting("fast", peft_sp.load("fast").fingerprint, "other")
    plan = make_plan(inputs, predicting, proteins_a_shard)
    plan.write(path)
    return plan


def of_one_run(inputs, folder):
    """The table that one run gives."""
    peft_sp.predict_run(inputs, folder)
    return (folder / "predictions.tsv").read_bytes()


def merged(plan, out, target):
    """The table of proven results."""
    assert verify(plan, out) == []
    merge(plan, out, target)
    return target.read_bytes()


class Disturbed:
    """A run in which a worker and then the driver is killed, three times each, and one hangs.

    above: the process whose descendants workers are, None for each driver.
    """

    def __init__(self, request, folder: Path, environment: dict[str, str]) -> None:
        self.request, self.file, self.out = request, folder / "plan.json", folder / "out"
        self.plan = read_plan(self.file)
        self.environment, self.chance = environment, random.Random(1)
        self.parts: set[int] = set()

    def run(self, address: str, above: int | None = None) -> None:
        """Until all is done."""
        told, killed = "", 0
        for _ in range(3):
            driver = self.driver(address)
            workers = above or driver.process.pid
            self.wait(driver, workers)
            with suppress(ProcessLookupError):
                os.kill(self.a_worker(workers), signal.SIGKILL)
                killed += 1
            self.wait(driver, workers)
            assert driver.runs, "it was done before it could be killed"
            self.parts |= set() if above else descendants_of(driver.process.pid)
            told += driver.kill()
        assert killed == 3 and "try 1 of 3: its worker died (killed, " in told
        driver = self.driver(address)
        self.wait(driver, above or driver.process.pid)
        hanging = self.a_worker(above or driver.process.pid)
        os.kill(hanging, signal.SIGSTOP)
        code, output, errors = driver.end()
        assert code == 0, errors
        assert all(line.endswith(" left") for line in errors.splitlines()), "more than progress"
        number = len(self.plan.shards)
        assert output.startswith(f"{number} of {number} shards done")
        wait_for(lambda: not runs(hanging))

    def driver(self, address: str) -> Driver:
        """One more, which ends with the test."""
        driver = Driver(self.file, self.out, address, self.environment)
        self.request.addfinalizer(driver.kill)
        return driver

    def a_worker(self, above: int) -> int:
        """One of two."""
        workers = workers_of(above)
        assert workers, "there is no worker to kill"
        return self.chance.choice(workers)

    def wait(self, driver: Driver, above: int) -> None:
        """Until one shard more is done, or two, and a little longer.

        Workers of a driver that was killed may end a shard before they end: theirs count for
        nothing, since they do it before the next driver has a worker.
        """
        wait_for(lambda: workers_of(above) or not driver.runs, 300)
        goal = len(status(self.plan, self.out).done) + self.chance.randint(1, 2)
        wait_for(lambda: len(status(self.plan, self.out).done) >= goal or not driver.runs, 300)
        time.sleep(self.chance.random() * 0.1)


def test_workers_and_drivers_are_killed_one_hangs_and_the_table_is_that_of_one_run(
    request, proteins, cluster, tmp_path
):
    plan = planned(proteins, 50, tmp_path / "plan.json")
    disturbed = Disturbed(request, tmp_path, cluster.environment)
    disturbed.run(cluster.address, cluster.process.pid)
    one = of_one_run(proteins, tmp_path / "one")
    assert merged(plan, tmp_path / "out", tmp_path / "merged.tsv") == one


@pytest.mark.slow
def test_the_same_with_whole_proteomes_on_clusters_that_are_started_and_killed(
    request, shared, tmp_path, short_folder
):
    inputs = sorted(map(str, (shared / "data" / "proteomes").glob("*.faa")))
    assert len(inputs) == 13
    plan = planned(inputs, 1000, tmp_path / "plan.json")
    own = {"TMPDIR": str(short_folder), "HOME": str(tmp_path)}
    environment = {**quick_start(tmp_path), **own}
    disturbed = Disturbed(request, tmp_path, environment)
    disturbed.run(LOCAL)
    # Two of Ray's own processes look for the dead cluster for a minute.
    wait_for(lambda: not any(map(runs, disturbed.parts)), 180)
    assert list(short_folder.glob("*")) == [], "what killed drivers left"
    assert not (tmp_path / ".ray").exists(), "a password in the home folder"
    one = of_one_run(inputs, tmp_path / "one")
    assert merged(plan, tmp_path / "out", tmp_path / "merged.tsv") == one


@pytest.fixture
def refused(cluster, tmp_path):
    """What the command says of a plan that it cannot do."""

    def run(plan, *more):
        plan.write(tmp_path / "plan.json")
        more = more or ("--workers", "1")
        driver = Driver(
            tmp_path / "plan.json", tmp_path / "out", cluster.address, cluster.environment, *more
        )
        code, _, errors = driver.end()
        assert code == 2
        return errors.splitlines()

    return run


def test_an_input_at_fault_is_named_and_not_tried_again(plan, inputs, refused, tmp_path):
    gone = tmp_path / "gone.faa"
    gone.write_text(Path(inputs[0]).read_text())
    own = make_plan([inputs[0], str(gone)], plan.predicting, 20)
    gone.unlink()
    part = replace(own.shards[0].parts[0], file="nowhere://a", name="nowhere://a")
    part = replace(part, start=0, stop=part.size)
    own = replace(own, shards=(replace(own.shards[0], parts=(part,)), *own.shards[1:]))
    missing = [s.number for s in own.shards if any("gone" in p.name for p in s.parts)]
    lines = refused(own)
    found = status(own, tmp_path / "out")
    assert found.missing == [1, *missing] and len(found.done) == len(own.shards) - 1 - len(missing)
    for number in missing:
        of_it = f"peft-sp: shard {number}: {gone}: no such file"
        assert sum(line.startswith(of_it) for line in lines) == 1
    tries = [line.partition(": nowhere")[0] for line in lines if "nowhere://a: cannot" in line]
    assert [f"peft-sp: shard 1, try {n} of 3" for n in (1, 2, 3)] == tries[:3]
    left = 1 + len(missing)
    assert lines[-1].endswith(f"{left} shards could not be done; the same command tries again")


def test_a_model_that_no_worker_can_load_ends_the_run(plan, refused, tmp_path):
    gone = replace(plan.predicting, model=str(tmp_path / "gone"))
    first, last = refused(replace(plan, predicting=gone))
    assert first.startswith("peft-sp: a worker is left out: ") and "gone" in last


def test_a_cluster_without_room_is_one_line(plan, refused):
    (line,) = refused(plan, "--threads", "64")
    assert line == "peft-sp: no machine of the cluster has room for a worker of 64 threads"


def test_what_is_done_needs_no_cluster(plan, whole):
    found = predict_on_cluster(plan, whole, "127.0.0.1:1", Workers())
    assert len(found.done) == 4
