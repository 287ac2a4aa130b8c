"""Reports of a run: where it is and what it measured, not more often than anyone looks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from peft_sp.training.fitting import progress as module
from peft_sp.training.fitting.progress import Report, Reporting, Watched

ARGS = SimpleNamespace(num_train_epochs=2.0)


def state(step, writes=True):
    epoch = step / 50
    return SimpleNamespace(
        global_step=step, max_steps=100, epoch=epoch, is_world_process_zero=writes
    )


def test_steps_are_reported_now_and_then_and_figures_always(monkeypatch):
    now, reports = [0.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    reporting = Reporting(reports.append)
    reporting.on_train_begin(ARGS, state(10), None)
    for step in range(11, 31):
        now[0] += 0.3 * module.INTERVAL
        reporting.on_step_end(ARGS, state(step), None)
    reporting.on_log(ARGS, state(30), None, logs={"loss": 0.5})
    assert [report.done for report in reports] == [10, 14, 18, 22, 26, 30, 30]
    assert reports[0] == Report("training", 10, 100, 0.2, 2.0)
    assert reports[-1] == Report("training", 30, 100, 0.6, 2.0, {"loss": 0.5})


def test_one_process_of_a_distributed_run_reports():
    reports = []
    Reporting(reports.append).on_log(ARGS, state(5, writes=False), None, logs={"loss": 1.0})
    assert reports == []


class Zeros:
    batch_size, concurrency, scores = 4, 1, "the network's"

    def emissions(self, residues):
        return np.zeros((*residues.shape, 3), dtype=np.float32)


def test_a_watched_backend_counts_windows_and_changes_nothing():
    reports = []
    assert Watched(Zeros(), 6, None, 2).concurrency == 2
    watched = Watched(Zeros(), 6, reports.append)
    assert (watched.batch_size, watched.concurrency, watched.scores) == (4, 1, "the network's")
    assert watched.emissions(np.zeros((4, 9), np.uint8)).shape == (4, 9, 3)
    watched.emissions(np.zeros((2, 9), np.uint8))
    assert [(r.phase, r.done, r.total) for r in reports] == [
        ("evaluation", 4, 6),
        ("evaluation", 6, 6),
    ]
