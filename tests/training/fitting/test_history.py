"""Learning curves: from the trainer's log to a small file and a picture."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET

from peft_sp.training.fitting.history import CURVES, HISTORY, POINTS, History


def step(number, loss, **more):
    row = {"step": number, "epoch": number / 10, "loss": loss, "learning_rate": 1e-3}
    return {**row, "seconds": 2.0 * number, "grad_norm": 7.0, **more}


LOG = [
    step(5, 3.0),
    step(10, 2.0),
    {"step": 10, "epoch": 1.0, "eval_mean_mcc2": 0.5, "eval_selection": 0.9, "seconds": 21.0},
    step(15, 1.5),
    {"step": 20, "epoch": 2.0, "eval_mean_mcc2": math.nan, "eval_selection": 1.1, "seconds": 42.0},
    {"step": 20, "epoch": 2.0, "train_loss": 2.1, "train_runtime": 40.0},
]


def test_steps_and_epochs_are_two_tables():
    history = History.of(LOG)
    assert history.training == {
        "step": [5, 10, 15],
        "epoch": [0.5, 1.0, 1.5],
        "loss": [3.0, 2.0, 1.5],
        "learning_rate": [1e-3] * 3,
        "seconds": [10.0, 20.0, 30.0],
    }
    assert history.validation == {
        "step": [10, 20],
        "epoch": [1.0, 2.0],
        "seconds": [21.0, 42.0],
        "mean_mcc2": [0.5, None],
        "selection": [0.9, 1.1],
    }


def test_the_file_is_small_however_long_the_run(tmp_path):
    count = 100_000
    log = [step(n, float(n % 4)) for n in range(1, count + 1)]
    log += [{"step": n, "epoch": n / 10, "eval_selection": 1.0} for n in range(10, count, 10)]
    history = History.of(log)
    training, validation = history.training, history.validation
    assert all(len(column) <= POINTS for column in [*training.values(), *validation.values()])
    assert training["step"][-1] == count and validation["step"][-1] == count - 10
    assert training["loss"][0] == 1.5, "the mean over its steps"
    history.write(tmp_path)
    assert (tmp_path / HISTORY).stat().st_size < 100_000


def test_it_is_written_as_plain_json_beside_a_picture(tmp_path):
    assert History.of(LOG).write(tmp_path, {"mean_mcc2": "mean MCC2"})
    found = json.loads((tmp_path / HISTORY).read_text())
    assert found["validation"]["mean_mcc2"] == [0.5, None]
    words = [e.text for e in ET.parse(tmp_path / CURVES).getroot().iter() if e.text]
    assert {"training loss", "validation partition", "learning rate"} <= set(words)


def test_a_run_that_measured_nothing_has_no_picture(tmp_path):
    assert not History.of([]).write(tmp_path)
    assert not (tmp_path / CURVES).exists()
    assert json.loads((tmp_path / HISTORY).read_text())["validation"] == {}
