"""A run always shows how far it is: lines now and then where there is no terminal, else a bar."""

from __future__ import annotations

import sys

import pytest

from peft_sp.cli.terminal import training_display as module
from peft_sp.cli.terminal.training_display import PAUSE, TrainingDisplay, training_display
from peft_sp.training.fitting.progress import Report


@pytest.fixture
def clock(monkeypatch):
    """The display's time, as a list of one number."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def steps(display, clock, numbers, seconds):
    for number in numbers:
        display(Report("training", number, 1000, number / 500, 2.0))
        clock[0] += seconds


def test_a_line_now_and_then_says_where_the_run_is(clock, capsys):
    display = TrainingDisplay()
    display(Report("training", 1, 1000, 0.002, 2.0, {"loss": 3.25}))
    steps(display, clock, range(2, 121), 1.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == (
        "training: step 7 of 1,000, epoch 0.01 of 2, loss 3.250, 1.2 steps/s, 14 min left"
    )
    assert len(lines) == 1 + 113 // PAUSE


def test_the_end_of_a_training_is_said_once_however_short_it_was(clock, capsys):
    display = TrainingDisplay()
    steps(display, clock, [999, 1000, 1000], 0.01)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["training: step 1"]
    assert lines[0].startswith("training: step 1,000 of 1,000, epoch 2.00 of 2")


def test_runs_beside_each_other_are_named_in_their_lines(clock, capsys):
    display = TrainingDisplay()
    for name in ("fold a", "fold b"):
        steps(display.beside(name), clock, [1000, 1000], 0.01)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(", epoch")[0] for line in lines] == [
        *("fold a", "fold a: training: step 1,000 of 1,000"),
        *("fold b", "fold b: training: step 1,000 of 1,000"),
    ]


def test_figures_of_the_validation_partition_are_shown(clock, capsys):
    names = ("mean_mcc2", "big_classes_mcc2", "multiclass_mcc", "mean_cleavage_recall", "selection")
    figures = {f"eval_{name}": 0.75 for name in names}
    figures |= {f"eval_{metric.name}": 0.75 for metric in module.SUMMARY_METRICS}
    TrainingDisplay()(Report("training", 500, 1000, 1.0, 2.0, figures))
    assert "epoch 1  validation: mean MCC2 0.750, " in capsys.readouterr().err


def test_a_resumed_run_counts_its_own_steps_for_the_rate(clock, capsys):
    display = TrainingDisplay()
    steps(display, clock, range(900, 911), 1.0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "step 905 of 1,000" in line and "1 steps/s" in line and "95 s" not in line
    assert line.endswith("95 s left") or line.endswith("2 min left")


def test_other_phases_are_named(clock, capsys):
    display = TrainingDisplay()
    for done in (64, 128, 192):
        display(Report("frozen layers", done, 6400))
        clock[0] += 4.0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("output of frozen layers, once for all epochs: window 192 of 6,400, 16 ")
    display(Report("frozen layers", 6400, 6400))
    assert "window 6,400 of 6,400" in capsys.readouterr().err, "its end is said"
    display(Report("evaluation", 50, 50))
    assert capsys.readouterr().err == "", "but not that of an evaluation, of which there are many"


def test_a_terminal_has_a_bar_with_rate_and_time_left(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    with training_display() as display:
        display.begin("lora-8M, fold test-0")
        display(Report("training", 40, 1000, 0.08, 2.0, {"loss": 1.5}))
        display.bar.refresh()
    found = capsys.readouterr().err
    assert "lora-8M, fold test-0: training" in found
    assert "40/1000" in found and "epoch 0.08 of 2, loss 1.500" in found
