import math

import numpy as np
import pytest
import torch

from peft_sp.errors import PeftSpError
from peft_sp.training.pretraining.loop import Loop, Plan, evaluate, learning_rate
from peft_sp.training.pretraining.model import MaskedResidueModel
from peft_sp.training.pretraining.recipe import Fitting
from peft_sp.training.pretraining.windows import read_windows
from tests.support.pretraining import small_recipe


@pytest.fixture
def loop_in(tmp_path, tiny_backbone):
    def begin(name, **fitting):
        recipe = small_recipe(tmp_path, tiny_backbone, **fitting)
        windows = read_windows(recipe.windows.unlabelled, (), 6, recipe.seed)
        torch.manual_seed(0)
        (tmp_path / name).mkdir(exist_ok=True)
        model = MaskedResidueModel(tiny_backbone)
        return Loop(model, windows, recipe, tmp_path / name, {"a": 1})

    return begin


def state(loop):
    found = {f"p/{name}": p.detach() for name, p in loop.model.named_parameters()}
    for name, p in loop.model.named_parameters():
        found |= {f"{key}/{name}": value for key, value in loop.optimiser.state[p].items()}
    return found


def history(loop):
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in loop.position.history]


def test_a_pass_has_every_window_once(loop_in):
    loop = loop_in("a")
    assert loop.plan == Plan(steps=10, of_pass=5)
    for number in (0, 1):
        assert sorted(loop._order(number)) == list(range(34))
    assert (loop._order(0) != loop._order(1)).any()
    assert Plan.of(34, Fitting(batch_size=8, epochs=0.5)).steps == 3


def test_stopped_and_resumed_is_straight(loop_in):
    straight = loop_in("straight")
    assert straight.run()
    for stops in ((1, 4), (7,)):
        name = f"stopped {stops}"
        for stop in stops:
            loop = loop_in(name)
            assert not loop.run(stop=lambda stop=stop, loop=loop: loop.position.step == stop)
        resumed = loop_in(name)
        assert resumed.position.step == stops[-1] and resumed.run()
        expected, found = state(straight), state(resumed)
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[key], value) for key, value in expected.items())
        assert history(resumed) == history(straight)


def test_a_killed_run_goes_on_from_its_last_checkpoint(loop_in):
    straight = loop_in("straight")
    straight.run()
    killed = loop_in("killed")

    def kill():
        if killed.position.step == 6:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        killed.run(stop=kill, minutes=0)
    resumed = loop_in("killed")
    assert resumed.position.step == 5 and resumed.position.seconds > 0
    resumed.run()
    assert all(torch.equal(state(resumed)[key], value) for key, value in state(straight).items())


def test_it_learns_what_can_be_learned(loop_in):
    """Windows of two amino acids in turn: either of them at least."""
    loop = loop_in("a", epochs=30, learning_rate=1e-2)
    for windows in (loop.windows.train, loop.windows.held_out):
        windows[:] = np.arange(70) % 2
    before = evaluate(loop._logits, loop.model, loop.windows, loop.recipe)
    loop.run()
    found = loop.position.history[-1]
    assert before["eval_perplexity"] > 10 and found["eval_perplexity"] < 2.2
    assert found["eval_accuracy"] > 0.3


def test_evaluation_is_the_same_each_time_and_adds_up_over_groups(loop_in):
    loop = loop_in("a")
    one, again = (evaluate(loop._logits, loop.model, loop.windows, loop.recipe) for _ in range(2))
    assert one == again
    groups = sorted(set(loop.windows.groups))
    lengths = (loop.windows.held_out < 25).sum(1)
    counts = np.maximum(1, np.rint(0.15 * lengths))
    weights = [counts[[g == name for g in loop.windows.groups]].sum() for name in groups]
    logs = [math.log(one[f"eval_perplexity_{name}"]) for name in groups]
    assert np.average(logs, weights=weights) == pytest.approx(math.log(one["eval_perplexity"]))


def test_the_history_has_losses_and_evaluations(loop_in):
    loop = loop_in("a")
    told = []
    loop.run(told.append)
    assert [entry["step"] for entry in loop.position.history] == [5, 10, 10]
    assert [report.done for report in told] == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10, 10]
    assert {report.total for report in told} == {10} and told[-1].epoch == told[-1].epochs == 2
    figures = [set(report.figures) for report in told if report.figures]
    assert [found >= {"loss", "learning_rate"} for found in figures] == [False, True, False]
    assert "eval_perplexity_eukarya" in figures[-1]


def test_the_learning_rate_rises_and_falls():
    fitting = Fitting(learning_rate=1.0, warmup_fraction=0.1)
    rates = [learning_rate(step, 100, fitting) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5) and rates[99] < 1e-3
    assert rates[10:] == sorted(rates[10:], reverse=True)
    linear = fitting.model_copy(update={"schedule": "linear", "warmup_fraction": 0.0})
    assert [learning_rate(s, 4, linear) for s in range(4)] == [1.0, 0.75, 0.5, 0.25]
    constant = linear.model_copy(update={"schedule": "constant"})
    assert learning_rate(3, 4, constant) == 1.0


def test_gradients_are_scaled_down_to_the_largest_norm(loop_in):
    loop = loop_in("a", max_grad_norm=1e-3)
    norms = []
    step = loop.optimiser.step

    def spy():
        gradients = [p.grad for g in loop.optimiser.param_groups for p in g["params"]]
        norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())
        return step()

    loop.optimiser.step = spy
    loop._step(0)
    assert norms == [pytest.approx(1e-3, rel=1e-2)]


def test_a_diverged_network_is_an_error_with_the_remedy(loop_in):
    loop = loop_in("a")
    with torch.no_grad():
        loop.model.head.bias.fill_(math.nan)
    with pytest.raises(PeftSpError, match=r"not finite before step 10; give a smaller fitting\."):
        loop.run()


def test_bfloat16_trains_as_well(loop_in):
    loop = loop_in("a", precision="bfloat16", epochs=0.2)
    assert loop.run() and math.isfinite(loop.position.history[0]["loss"])
