import pytest
import torch
from torch import nn

from peft_sp.network.encoders.sharding import gather, is_sharded, shard, sliced, whole


@pytest.fixture
def alone(tmp_path):
    """A group of one process, in which a network is divided as in many."""
    store = f"file://{tmp_path}/meeting"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))


def test_what_is_not_divided_stays_as_it_is():
    tensor = torch.ones(3)
    assert whole(tensor) is tensor and sliced(tensor, torch.zeros(3)) is tensor
    assert whole({"steps": 2, "names": ["a"]}) == {"steps": 2, "names": ["a"]}
    assert not is_sharded(network())


def test_a_divided_network_computes_what_it_did(alone):
    before, model = network(), network()
    shard(model, [model[0]])
    assert is_sharded(model)
    example = torch.ones(1, 4)
    assert torch.equal(model(example), before(example))
    state = whole({"of": [model.state_dict()]})["of"][0]
    assert all(torch.equal(state[name], own) for name, own in before.state_dict().items())


def test_whole_tensors_go_back_into_slices(alone):
    model = network()
    shard(model)
    weight = model[0].weight
    with torch.no_grad():
        weight.copy_(sliced(torch.full((4, 4), 2.0), weight))
    assert whole(weight).unique().tolist() == [2.0]
    # A step count of an optimiser is no slice.
    assert sliced(torch.tensor(5.0), weight).item() == 5


def test_only_what_is_named_is_put_together(alone):
    model = network()
    model[0].requires_grad_(False)
    shard(model, [model[0]])
    gather(model, {"1.weight", "1.bias"})
    assert type(model[1].weight) is nn.Parameter and model[1].weight.requires_grad
    assert torch.equal(model[1].weight, network()[1].weight)
    assert is_sharded(model[0])
