"""One body of tests over every tuning method."""

from __future__ import annotations

import copy

import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.errors import RecipeError
from peft_sp.network.backbone import Backbone, load_encoder, read_config, token_ids
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import LoRA

METHODS = [LoRA(rank=4, dropout=0.0), LoRA(layers=1, rank=2, alpha=16, dropout=0.0)]
IMPOSSIBLE = [
    (LoRA(layers=3), "tuning.layers is 3; the backbone has 2 layers"),
    (LoRA(layers=0), "tuning.layers is 0"),
    (LoRA(rank=33), "tuning.rank is 33, more than the backbone's width of 32"),
]
RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]))


def settings_of(backbone, method):
    return ModelSettings(backbone=backbone, tuning=method)


@pytest.fixture(params=METHODS, ids=lambda m: f"{m.method}-{m.layers}")
def method(request):
    return request.param


@pytest.fixture
def model(tiny_backbone, method):
    torch.manual_seed(5)
    return build_model(settings_of(tiny_backbone, method)).eval()


def test_starts_unchanged(model, tiny_backbone):
    tokens = token_ids(tiny_backbone)
    plain = Backbone(load_encoder(tiny_backbone).eval(), tokens, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.encoder(RESIDUES), plain(RESIDUES))


def test_trains_its_own_parameters_and_no_others(model):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.SGD([p for group in model.parameter_groups() for p in group], lr=0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):  # LoRA's first step moves only the half that starts at zero
        optimiser.zero_grad()
        output = model(RESIDUES)
        noise = torch.randn(output.emissions.shape, generator=generator)
        marginals = model.crf.marginals(output.emissions, output.mask)
        (marginals * noise).sum().backward()
        optimiser.step()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p.detach(), before[n])}
    expected = {name for name, p in model.named_parameters() if p.requires_grad}
    assert moved == expected
    assert any(".lora_" in name for name in moved)
    assert {"head.weight", "head.bias", "crf.transitions", "crf.starts", "crf.ends"} <= moved
    assert not any("embeddings" in name or "intermediate" in name for name in moved)


def test_perturbed_weights_equal_merged_weights(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
        tuned = model.encoder(RESIDUES)
        merged = copy.deepcopy(model.encoder)
        merged.encoder = merged.encoder.merge_and_unload()
        torch.testing.assert_close(merged(RESIDUES), tuned, atol=1e-5, rtol=1e-5)


def test_only_the_last_layers_are_tuned(tiny_backbone):
    model = build_model(settings_of(tiny_backbone, LoRA(layers=1)))
    names = [n for n, p in model.encoder.named_parameters() if p.requires_grad]
    assert names and all("layer.1." in name for name in names)
    parts = ("query", "key", "value", "output.dense")
    assert {part for part in parts if any(part in n for n in names)} == set(parts)
    assert len(names) == 8


@pytest.mark.parametrize(("method", "problem"), IMPOSSIBLE)
def test_impossible_settings_are_refused(tiny_backbone, method, problem):
    config = read_config(tiny_backbone)
    assert method.problems(config)
    with pytest.raises(RecipeError, match=problem):
        build_model(settings_of(tiny_backbone, method))
