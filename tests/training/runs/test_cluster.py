"""Networks that a cluster trains: whatever is killed, the result is that of one process."""

from __future__ import annotations

import os
import pickle
import signal
import socket
from functools import partial
from pathlib import Path

import pytest
import torch

from peft_sp.errors import InputError, OutputError, PeftSpError
from peft_sp.inference.hardware.cluster import WAITS_FOR_ROOM
from peft_sp.training.fitting.progress import Report
from peft_sp.training.runs import cluster
from peft_sp.training.runs.cluster import (
    MARK,
    Begun,
    Ended,
    JobWorker,
    Shared,
    Turns,
    Workers,
)
from peft_sp.training.runs.parallel import Job
from tests.support import forked, parallel_jobs
from tests.support.commands import peft_sp
from tests.support.processes import runs, wait_for
from tests.support.ray_cluster import Cluster, workers_of
from tests.support.recipes import small

HOST = socket.gethostname()


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Makes a worker in this process, whose surroundings are put back; gives all that it says."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(Path.cwd())

    def run(job, **other):
        (tmp_path / f"{MARK}1").mkdir(exist_ok=True)
        workers = Workers(threads=torch.get_num_threads())
        seen = {"start": str(tmp_path), "results": str(tmp_path), "mark": f"{MARK}1"} | other
        own = JobWorker(pickle.loads(pickle.dumps(job)), workers, Shared(**seen))
        said = [own.begin()]
        while not isinstance(said[-1], Ended):
            said += own.listen()
        return said

    return run


def test_a_worker_begins_reports_and_ends_where_the_program_was_started(worker, tmp_path):
    begun, report, ended = worker(Job("a", parallel_jobs.report_threads))
    assert begun == Begun(HOST) and ended == Ended()
    assert report == Report("evaluation", torch.get_num_threads(), 3)
    assert Path.cwd() == tmp_path
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "", "a GPU that was not asked for"


def test_a_worker_tells_of_its_error(worker):
    *_, ended = worker(Job("fails", partial(parallel_jobs.fail, "some.fasta")))
    assert isinstance(ended.error, InputError) and ended.error.line == 3


def test_a_machine_that_sees_other_directories_is_told_from_one_that_sees_them(worker, tmp_path):
    *_, ended = worker(Job("a", parallel_jobs.report_threads), start=f"{tmp_path}/gone")
    assert str(ended.error) == (
        f"{tmp_path}/gone, where the command was given, is not seen (No such file or directory); "
        "give it in a directory that all machines of the cluster see"
    )
    *_, ended = worker(Job("a", parallel_jobs.report_threads), mark=f"{MARK}other")
    assert str(ended.error).startswith(f"{tmp_path} is not seen, or another directory of this name")


def test_what_may_pass_is_tried_three_times_and_the_rest_once():
    first, second = Job("test-0", print), Job("test-1", print)
    turns = Turns([first, second])
    assert turns.waiting.popleft() is first
    assert turns.fail(first, "n1", OutputError("died")) == "test-0 on n1, try 1 of 3: died"
    assert list(turns.waiting) == [second, first]
    assert turns.fail(second, "", OutputError("no room")) == "test-1, try 1 of 3: no room"
    assert turns.fail(first, "n2", OutputError("died")) == "test-0 on n2, try 2 of 3: died"
    with pytest.raises(PeftSpError, match="test-0, try 3 of 3: died; the same command goes on"):
        turns.fail(first, "", OutputError("died"))
    with pytest.raises(PeftSpError, match=r"^test-1 on n1: a\.fasta, line 3: is not what it was$"):
        turns.fail(second, "n1", InputError("is not what it was", path="a.fasta", line=3))
    with pytest.raises(RuntimeError, match="of ours"):
        turns.fail(second, "n1", RuntimeError("of ours"))


def test_what_was_done_where_it_is_not_seen_is_not_believed(tmp_path, monkeypatch):
    job = Job("a", print, tmp_path / "config.json")
    monkeypatch.setattr(cluster, "_SEEN_WITHIN", 0)
    monkeypatch.setattr(cluster, "_POLL", 0)
    problem = cluster._missing(job)
    assert str(problem) == f"was done, but {tmp_path}/config.json is not seen here"
    job.leaves.touch()
    assert cluster._missing(job) is None


def test_what_a_killed_program_left_is_removed_and_nothing_is_left(tmp_path):
    (tmp_path / "cv" / f"{MARK}old").mkdir(parents=True)
    with cluster._shared(tmp_path / "cv") as shared:
        assert [path.name for path in (tmp_path / "cv").iterdir()] == [shared.mark]
        assert shared.start == str(Path.cwd()) and shared.results == str(tmp_path / "cv")
    assert list((tmp_path / "cv").iterdir()) == []


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory, short_folder):
    """Of two processors; nothing is left of it."""
    pytest.importorskip("ray", reason="needs the extra cluster")
    own = Cluster(tmp_path_factory.mktemp("c"), short_folder)
    yield own
    own.end()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
def test_workers_and_programs_are_killed_and_the_result_is_that_of_one_process(
    ray_cluster, labelled_file, tmp_path
):
    """Of ensembles, whose members are trained beside each other, too."""
    recipe = small(tmp_path, labelled_file, "pairs")
    given = ("crossval", recipe, "--set", "members=2", "--set", "optimisation.epochs=4")
    out = tmp_path / "cv"
    words = (*given, "-o", out, "--cluster", ray_cluster.address, "--parallel", "2")
    environment = {**os.environ, **ray_cluster.environment}

    def whole():
        return {p: p.stat().st_mtime_ns for p in out.glob("test-*/member-*/config.json")}

    def workers():
        return workers_of(ray_cluster.process.pid, "JobWorker")

    process = forked.start(*words, environment=environment)
    wait_for(lambda: list(out.glob("test-*/member-*/checkpoints/checkpoint-*")), 300)
    os.kill(workers()[0], signal.SIGKILL)
    process.await_error(", try 1 of 3: its worker died (killed, ")
    wait_for(lambda: len(whole()) >= 1, 300)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait()[0] == -signal.SIGKILL
    kept = whole()

    process = forked.start(*words, environment=environment)
    wait_for(lambda: len(whole()) > len(kept), 300)
    os.kill(process.pid, signal.SIGTERM)
    code, _, errors = process.wait()
    assert code == 128 + signal.SIGTERM, errors
    assert errors.endswith("peft-sp: stopped\n")
    wait_for(lambda: not any(map(runs, workers())))
    kept = whole()

    code, _, errors = peft_sp(*words, environment=environment)
    assert code == 0, errors
    assert kept.items() <= whole().items(), "what was whole was trained again"
    assert "fold test-2" in errors
    code, _, errors = peft_sp(*given, "-o", tmp_path / "straight", "--threads", "1")
    assert code == 0, errors
    for name in ("oof.tsv.gz", "metrics.json", "report.md"):
        assert (out / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


@pytest.mark.slow
def test_a_job_that_fails_is_named_with_its_machine_and_room_must_be_there(ray_cluster, tmp_path):
    program = f"""
from functools import partial
from pathlib import Path
from peft_sp.training.runs.cluster import Workers, run_on_cluster
from peft_sp.training.runs.parallel import Job
from tests.support import parallel_jobs
for job, workers in (
    (Job("test-0", partial(parallel_jobs.fail, "a.fasta")), Workers()),
    (Job("test-0", parallel_jobs.vanish), Workers()),
    (Job("test-0", parallel_jobs.report_threads), Workers(threads=64)),
    (Job("test-0", parallel_jobs.report_threads), Workers(threads=2)),
):
    try:
        run_on_cluster([job], Path({str(tmp_path / "cv")!r}), {ray_cluster.address!r}, workers,
                       lambda name: print, notice=print)
    except Exception as error:
        print(type(error).__name__, error)
"""
    environment = {**os.environ, **ray_cluster.environment}
    code, output, errors = forked.run(program=program, kind="training", environment=environment)
    assert code == 0, errors
    died = "its worker died (killed, out of memory, or its machine is gone)"
    # A busy machine takes long to start a worker.
    assert [line for line in output.splitlines() if line != WAITS_FOR_ROOM] == [
        f"PeftSpError test-0 on {HOST}: a.fasta, line 3: is not what it was",
        f"test-0 on {HOST}, try 1 of 3: {died}",
        f"test-0 on {HOST}, try 2 of 3: {died}",
        f"PeftSpError test-0 on {HOST}, try 3 of 3: {died}; the same command goes on from there",
        "OptionError no machine of the cluster has room for a worker of 64 threads",
        "Report(phase='evaluation', done=2, total=3, epoch=0.0, epochs=0.0, figures={})",
    ]
