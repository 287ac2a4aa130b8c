"""The moving average of the weights, against its formula."""

from __future__ import annotations

import pytest
import torch

from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings, StudentSettings
from peft_sp.training.fitting.averaging import Averaging, MovingAverage

NAME = "head.bias"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(ModelSettings(student=StudentSettings(width=8, hidden=8, convolutions=0)))


def steps(model, average, values):
    """Weights that training would have left after each step."""
    for value in values:
        with torch.no_grad():
            model.head.bias.fill_(value)
        average.update(model)


def test_the_decay_grows_to_its_limit(model):
    with torch.no_grad():
        model.head.bias.fill_(0.0)
    average = MovingAverage(model, decay=0.25)
    steps(model, average, [1.0, 1.0, 1.0, 1.0])
    # Decays 1/11, 2/12, 3/13 and then 0.25, since 4/14 would be more.
    left = (1 / 11) * (2 / 12) * (3 / 13) * 0.25
    torch.testing.assert_close(average.tensors[NAME], torch.full_like(model.head.bias, 1 - left))


def test_exchanged_twice_all_is_as_before(model):
    average = MovingAverage(model, decay=0.9)
    steps(model, average, [5.0, 6.0])
    mean = average.tensors[NAME].clone()
    average.exchange(model)
    assert torch.equal(model.head.bias, mean) and not torch.equal(mean, torch.tensor(6.0))
    average.exchange(model)
    assert torch.equal(model.head.bias, torch.full_like(mean, 6.0))
    assert torch.equal(average.tensors[NAME], mean)


def test_a_resumed_average_ends_as_one_that_was_not_interrupted(model):
    whole = MovingAverage(model, decay=0.99)
    steps(model, whole, [1.0, 2.0])
    resumed = MovingAverage(model, decay=0.99)
    resumed.restore({name: tensor.clone() for name, tensor in whole.state().items()})
    steps(model, whole, [3.0])
    steps(model, resumed, [3.0])
    assert resumed.steps == whole.steps == 3
    assert all(torch.equal(resumed.tensors[n], t) for n, t in whole.tensors.items())


def test_the_trainer_feeds_it_after_each_step(model):
    average = MovingAverage(model, decay=0.5)
    Averaging(average).on_step_end(None, None, None, model=model)
    assert average.steps == 1
