"""Cross-validation as a command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.commands import peft_sp
from tests.support.processes import children_of, runs, wait_for
from tests.support.ray_cluster import descendants_of, quick_start, workers_of
from tests.support.recipes import small

pytestmark = pytest.mark.integration


def test_recipes_are_compared_in_one_table(tmp_path, labelled_file):
    recipes = [small(tmp_path, labelled_file, name) for name in ("first", "second")]
    folder = tmp_path / "results"
    changes = ["--set", "optimisation.batch_size=64"]
    code, output, errors = peft_sp("crossval", *recipes, "-o", folder, *changes)
    assert code == 0, errors
    assert "second, fold test-2" in errors and "first: out-of-fold" in output
    table = (folder / "comparison.md").read_text()
    assert "| first |" in table and "| second |" in table and "nan" not in table
    for name in ("first", "second"):
        made = json.loads((folder / name / "metrics.json").read_text())["recipe"]
        assert made["optimisation"]["batch_size"] == 64

    code, _, errors = peft_sp("crossval", recipes[0], recipes[0], "-o", folder)
    assert code == 2 and "two of the recipes are named 'first'" in errors
    code, _, errors = peft_sp("crossval", recipes[0], "-o", folder, "--protocol", "other")
    assert code == 2 and "--protocol is deployed or published" in errors


@pytest.fixture(scope="module")
def straight(tmp_path_factory, labelled_file):
    """A recipe, and its cross-validation in one process that nothing disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    recipe = small(folder, labelled_file, "small")
    code, _, errors = peft_sp("crossval", recipe, "-o", folder / "results", "--threads", "1")
    assert code == 0, errors
    return recipe, folder / "results"


def assert_same(results, straight):
    for name in ("oof.tsv.gz", "metrics.json", "report.md"):
        assert (results / name).read_bytes() == (straight / name).read_bytes()


def test_a_cross_validation_that_is_killed_goes_on(tmp_path, straight):
    """Killed in its second fold: the first is kept, and the result is that of a straight run."""
    recipe, expected = straight
    process = forked.start("crossval", recipe, "-o", tmp_path / "killed", "--threads", "1")
    process.await_error("\nsmall, fold test-1")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait()[0] == -signal.SIGKILL
    kept = (tmp_path / "killed" / "test-0" / "config.json").stat().st_mtime_ns
    assert not (tmp_path / "killed" / "oof.tsv.gz").exists()
    code, _, errors = peft_sp("crossval", recipe, "-o", tmp_path / "killed", "--threads", "1")
    assert code == 0, errors
    config = tmp_path / "killed" / "test-0" / "config.json"
    assert json.loads(config.read_text())["calibration"]  # the fold's own, put in at the end
    assert (tmp_path / "killed" / "test-0" / "model.onnx").stat().st_mtime_ns < kept
    assert_same(tmp_path / "killed", expected)


def test_folds_beside_each_other_are_those_of_one_process(tmp_path, straight):
    """Stopped, it stops the processes of its folds; what it has made is kept."""
    recipe, expected = straight
    process = forked.start("crossval", recipe, "-o", tmp_path / "cv", "--parallel", "2")
    process.await_error("\nsmall, fold test-2\n")  # which begins where another has ended
    started = children_of(process.pid)
    os.kill(process.pid, signal.SIGTERM)
    code, _, errors = process.wait()
    assert code == 128 + signal.SIGTERM and "peft-sp: stopped" in errors
    wait_for(lambda: not any(map(runs, started)))
    whole = [path.parent / "model.onnx" for path in (tmp_path / "cv").glob("test-*/config.json")]
    kept = {path: path.stat().st_mtime_ns for path in whole}
    code, _, errors = peft_sp("crossval", recipe, "-o", tmp_path / "cv", "--threads", "1")
    assert code == 0, errors
    assert kept and all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert_same(tmp_path / "cv", expected)


def test_what_a_cluster_cannot_do_is_one_line(tmp_path, straight, monkeypatch):
    recipe, _ = straight
    words = ("crossval", recipe, "-o", tmp_path / "cv")
    code, _, errors = peft_sp(*words, "--gpus", "1")
    assert code == 2 and "--gpus is of a cluster; give --cluster, too" in errors
    words = (*words, "--cluster", "127.0.0.1:1")
    code, _, errors = peft_sp(*words, "--report-to", "wandb")
    assert code == 2 and "leave out --report-to wandb, or --cluster" in errors
    # Whether there are such numbers is said by the machine that trains.
    code, _, errors = peft_sp(*words, "--set", "optimisation.precision=float16")
    assert code == 2 and "the cluster '127.0.0.1:1' cannot be reached" in errors
    assert list((tmp_path / "cv").iterdir()) == []
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, errors = peft_sp(*words)
    assert code == 2 and "give --cluster to one process, which starts the others" in errors


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
def test_a_cluster_trains_the_fold_that_is_left_whatever_is_killed(
    tmp_path, straight, short_folder
):
    """A worker that dies is replaced; `tests/training/runs/test_cluster.py` has more of it."""
    pytest.importorskip("ray", reason="needs the extra cluster")
    recipe, expected = straight
    for name in ("test-0", "test-2"):
        shutil.copytree(expected / name, tmp_path / "cv" / name)
    environment = {**os.environ, **quick_start(tmp_path), "TMPDIR": str(short_folder)}
    words = ("crossval", recipe, "-o", tmp_path / "cv", "--cluster", "local", "--parallel", "2")
    process = forked.start(*words, environment=environment)
    wait_for(lambda: workers_of(process.pid, "JobWorker") or not runs(process.pid), 300)
    parts = descendants_of(process.pid)
    os.kill(workers_of(process.pid, "JobWorker")[0], signal.SIGKILL)
    code, output, errors = process.wait()
    assert code == 0, errors
    assert output.startswith("small: out-of-fold predictions")
    died = r"^test-1( on \S+)?, try 1 of 3: its worker died \(killed, "
    assert len(re.findall(died, errors, re.MULTILINE)) == 1
    assert "\nsmall, fold test-1\n" in errors and "test-0" not in errors and "Ray" not in errors
    assert_same(tmp_path / "cv", expected)
    assert not list((tmp_path / "cv").glob(".*")), "its mark is left"
    wait_for(lambda: not any(map(runs, parts)))
    assert not list(short_folder.glob("peft-sp-ray-*"))
