import pytest
import torch

from peft_sp.errors import ModelError
from peft_sp.training.pretraining import checkpoint
from peft_sp.training.pretraining.checkpoint import Position


def trained(seed=0):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    for _ in range(3):
        model(torch.randn(5, 3)).sum().backward()
        optimiser.step()
    return model, optimiser


def test_tensors_optimiser_and_position_come_back(tmp_path):
    model, optimiser = trained()
    position = Position(7, 1.5, (0.1 + 0.2, 3), [{"step": 5, "loss": 1 / 3}])
    checkpoint.save(tmp_path, model, optimiser, position, {"seed": 1})
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]
    other, empty = trained(1)
    empty.state.clear()
    assert checkpoint.restore(tmp_path, other, empty) == position
    assert checkpoint.read_settings(tmp_path) == {"seed": 1}
    for mine, its in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, its)
        assert optimiser.state[mine].keys() == empty.state[its].keys() > {"exp_avg", "step"}
        for key, value in optimiser.state[mine].items():
            assert torch.equal(value, empty.state[its][key])


def test_without_a_checkpoint_a_run_begins(tmp_path):
    assert checkpoint.restore(tmp_path, *trained()) == Position()
    assert checkpoint.read_settings(tmp_path) is None


def test_a_damaged_checkpoint_is_an_error_with_the_remedy(tmp_path):
    (tmp_path / checkpoint.FILE).write_bytes(b"x" * 100)
    with pytest.raises(ModelError, match=r"cannot be read .* remove it to begin the run anew"):
        checkpoint.read_settings(tmp_path)
