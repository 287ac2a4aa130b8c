import pytest
import torch

from peft_sp.io.labelled import partition
from peft_sp.training.dataset import BalancedSampler, LabelledWindows, tabulate
from peft_sp.training.fitting.batches import Batches, divided, mean_of_step

AUGMENTED = {"truncation": 0.5, "substitution": 0.2, "chimeras": 0.5}


@pytest.fixture(scope="module")
def windows(few):
    return LabelledWindows(tabulate(partition(few, [1])), **AUGMENTED)


def epoch(windows, size=8, seed=1, number=0):
    """The batches of an epoch."""
    batches = Batches(windows, BalancedSampler(windows.classes, 0.4, seed), size)
    batches.set_epoch(number)
    found = list(batches)
    assert len(found) == len(batches)
    return found


def test_a_batch_follows_from_seed_epoch_and_number(windows):
    first = epoch(windows)
    torch.rand(5)  # whatever else is drawn
    again = epoch(windows)
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)
    for changed in (epoch(windows, seed=2), epoch(windows, number=1)):
        assert not all(
            torch.equal(one["types"], other["types"])
            for one, other in zip(first, changed, strict=True)
        )


@pytest.mark.parametrize("count", [2, 3])
def test_processes_see_the_batches_of_one(windows, monkeypatch, count):
    """The last one leaves a window to the last process alone, and one of no weight to others."""
    some = LabelledWindows(windows.table.take(range(25)), **AUGMENTED)
    alone = epoch(some)
    monkeypatch.setenv("WORLD_SIZE", str(count))
    shares = []
    for number in range(count):
        monkeypatch.setenv("RANK", str(number))
        shares.append(epoch(some))
    for whole, *parts in zip(alone, *shares, strict=True):
        assert {part["total"].item() for part in parts} == {len(whole["types"])}
        for key in whole.keys() - {"total"}:
            kept = [part[key][part["weights"] > 0] for part in parts]
            assert torch.equal(torch.cat(kept), whole[key]), key
    assert [part[-1]["weights"].tolist() for part in shares] == [[0.0]] * (count - 1) + [[1.0]]


@pytest.mark.parametrize("size", [1, 5, 8])
def test_the_mean_over_processes_is_that_of_the_step(monkeypatch, size):
    losses = torch.arange(size, dtype=torch.float64) ** 2
    monkeypatch.setenv("WORLD_SIZE", "3")
    found = []
    for number in range(3):
        monkeypatch.setenv("RANK", str(number))
        own = divided({"residues": losses[:, None]})
        found.append(mean_of_step(own["residues"][:, 0], own, own["total"], 3))
    assert torch.stack(found).mean().item() == pytest.approx(losses.mean().item())
