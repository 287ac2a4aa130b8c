"""One body of tests over every tuning method."""

from __future__ import annotations

import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.errors import RecipeError
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import read_config, token_ids
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import IA3, Adapter, Frozen, Full, LoRA, Prompt
from tests.support.networks import (
    PROMPTS,
    UNCHANGED,
    model_of,
    name_of,
    perturb,
    settings_of,
)

IMPOSSIBLE = [
    (LoRA(layers=3), "tuning.layers is 3; the backbone has 2 layers"),
    (LoRA(layers=0), "tuning.layers is 0"),
    (LoRA(rank=33), "tuning.rank is 33, more than the backbone's width of 32"),
    (IA3(layers=3), "tuning.layers is 3"),
    (Adapter(layers=5), "tuning.layers is 5"),
    (Adapter(bottleneck=32), "tuning.bottleneck is 32, no narrower"),
    (Prompt(layers=1), 'goes with position = "topmost" alone'),
    (Prompt(position="topmost"), "tuning.layers is missing"),
    (Prompt(position="topmost", layers=3), "takes 1 to 2"),
]
RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]))


@pytest.fixture(params=[*UNCHANGED, *PROMPTS], ids=name_of)
def method(request):
    return request.param


@pytest.fixture
def model(tiny_backbone, method):
    return model_of(tiny_backbone, method)


@pytest.fixture
def plain(tiny_backbone):
    return Backbone(load_encoder(tiny_backbone).eval(), token_ids(tiny_backbone))


def test_starts_unchanged_where_promised(model, method, plain):
    with torch.no_grad():
        tuned, original = model.encoder(RESIDUES), plain(RESIDUES)
    assert tuned.shape == original.shape
    if method in UNCHANGED:
        torch.testing.assert_close(tuned, original)
    else:
        assert not torch.allclose(tuned[0, :21], original[0, :21], atol=1e-3)


def parts_of(method):
    """The methods that a method consists of, by name."""
    return getattr(method, "parts", {method.method: method})


def test_trains_its_own_parameters_and_no_others(model, method):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.Adam([p for group in model.parameter_groups() for p in group], 0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):  # a first step moves only what is not multiplied by a zero
        optimiser.zero_grad()
        output = model(RESIDUES)
        noise = torch.randn(output.emissions.shape, generator=generator)
        marginals = model.crf.marginals(output.emissions, output.mask)
        (marginals * noise).sum().backward()
        optimiser.step()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p.detach(), before[n])}
    expected = {name for name, p in model.named_parameters() if p.requires_grad}
    assert moved == expected
    assert {"head.weight", "head.bias", "crf.transitions", "crf.starts", "crf.ends"} <= moved
    own = {n for n in moved if n.startswith("encoder.")}
    marks_of = {
        "lora": (".lora_",),
        "vera": (".vera_lambda_",),
        "loha": (".hada_w",),
        "bitfit": (".bias",),
        "ia3": (".ia3_l",),
        "adapter": (".bottleneck.",),
        "prompt": ("encoder.prompts.",),
        "frozen": (),
        "full": ("encoder.",),
    }
    marks = [mark for name in parts_of(method) for mark in marks_of[name]]
    assert bool(own) == bool(marks)
    assert all(any(mark in name for mark in marks) for name in own)
    assert all(any(mark in name for name in own) for mark in marks)
    if method.method == "full":
        assert any("word_embeddings" in n for n in own) and any("layer.0" in n for n in own)


def test_layers_below_the_first_trained_one_are_untouched(model, method, plain):
    count = model.encoder.untouched
    whole = {
        "lora": 0,
        "vera": 0,
        "loha": 0,
        "ia3": 0,
        "adapter": 0,
        "prompt": 0,
        "frozen": 2,
        "full": 0,
    }
    counts = [
        1
        if getattr(part, "layers", "all") == 1 or getattr(part, "position", "") == "last"
        else whole[name]
        for name, part in parts_of(method).items()
    ]
    assert count == min(counts)
    if method.method == "full":
        assert count == 0  # and its embeddings change, too
        return
    perturb(model)
    with torch.no_grad():
        torch.testing.assert_close(
            model.encoder.lower(RESIDUES, count), plain.lower(RESIDUES, count)
        )
        # And the next one, if there is one, is not.
        if count < 2 and "prompt" not in parts_of(method):
            lower = plain.lower(RESIDUES, count + 1)
            assert not torch.allclose(model.encoder.lower(RESIDUES, count + 1), lower, atol=1e-4)


def test_saved_and_loaded_it_predicts_the_same(model, method, tiny_backbone, tmp_path):
    perturb(model)
    save_checkpoint(tmp_path, model, settings_of(tiny_backbone, method), ModelConfig(name="x"))
    loaded = load_checkpoint(tmp_path)
    with torch.no_grad():
        expected = model(RESIDUES).emissions
        assert torch.equal(loaded(RESIDUES).emissions, expected)
    files = {p.name for p in tmp_path.glob("*.safetensors")}
    own = {"full": {"encoder.safetensors"}, "frozen": set()}
    adapter = {"adapter_model.safetensors"}
    assert files == {"head.safetensors", *own.get(method.method, adapter)}
    assert (tmp_path / "adapter_config.json").exists() == (
        method.method in ("lora", "vera", "loha", "ia3")
    )


def test_batch_mates_change_nothing(model):
    perturb(model)
    lengths = (RESIDUES != 25).sum(1).tolist()
    with torch.no_grad():
        together = model(RESIDUES).emissions
        for row, length in enumerate(lengths):
            alone = model(RESIDUES[row : row + 1, :length]).emissions[0]
            torch.testing.assert_close(together[row, :length], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("method", "problem"), IMPOSSIBLE)
def test_impossible_settings_are_refused(tiny_backbone, method, problem):
    config = read_config(tiny_backbone)
    assert method.problems(config)
    with pytest.raises(RecipeError, match=problem):
        build_model(settings_of(tiny_backbone, method))


@pytest.mark.parametrize(
    ("method", "candidates"),
    [
        (LoRA(), {"rank": (4, 8, 16), "alpha": (4, 8, 16, 32), "layers": range(1, 7)}),
        (IA3(layers=2), {"layers": range(1, 7)}),
        (Adapter(), {"bottleneck": (40, 80, 160), "layers": range(1, 7)}),
        (Prompt(), {"length": (5, 10, 20, 50)}),
        (
            Prompt(position="topmost", layers=2),
            {"length": (5, 10, 20, 50), "layers": range(1, 7)},
        ),
        (Frozen(), {}),
        (Full(), {}),
    ],
    ids=str,
)
def test_what_a_search_varies(method, candidates):
    own = method.search_candidates(width=320, depth=6)
    # Options are drawn in this order, so a study with a seed depends on it.
    assert list(own.items()) == list(candidates.items())
    assert set(own) <= set(type(method).model_fields)
    assert "layers" not in method.search_candidates(width=320, depth=1), "there is no choice"


@pytest.mark.parametrize("method", [LoRA(rank=4), Adapter(), Prompt(position="all"), IA3()])
def test_a_frozen_backbone_in_bfloat16(tiny_backbone, method, plain):
    settings = ModelSettings(backbone=tiny_backbone, tuning=method, backbone_precision="bfloat16")
    model = build_model(settings).eval()
    frozen = {p.dtype for p in model.parameters() if not p.requires_grad}
    trained = {p.dtype for p in model.parameters() if p.requires_grad}
    assert (frozen, trained) == ({torch.bfloat16}, {torch.float32})
    model(RESIDUES).emissions.sum().backward()
    assert all(p.grad is not None for p in model.parameter_groups()[0])
    if method in UNCHANGED:
        with torch.no_grad():
            torch.testing.assert_close(
                model.encoder(RESIDUES).float(), plain(RESIDUES), atol=0.2, rtol=0.1
            )
