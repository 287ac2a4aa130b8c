import numpy as np
import pytest
import torch
from torch import nn

from peft_sp.biology.alphabet import encode
from peft_sp.errors import RecipeError
from peft_sp.inference.backends import OnnxBackend, TorchBackend
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.activation_cache import cache_untouched_layers
from peft_sp.network.backbone import Backbones, weights_hash
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import HeadSettings, ModelSettings
from peft_sp.network.tuning import Full, LoRA
from peft_sp.network.tuning.method import Method
from tests.support.networks import STUDENT, perturb

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOWL" * 7, "MW"]


def test_one_by_one_is_batched_is_shuffled(model):
    backend = TorchBackend(model)
    together = backend.emissions(encode(SEQUENCES))
    shuffled = backend.emissions(encode(SEQUENCES[::-1]))[::-1]
    np.testing.assert_allclose(together, shuffled, atol=1e-5)
    for row, sequence in enumerate(SEQUENCES):
        alone = backend.emissions(encode([sequence]))[0]
        np.testing.assert_allclose(together[row, : len(sequence)], alone, atol=1e-5)


def test_dropout_acts_in_training(model):
    model.train()
    residues = torch.from_numpy(encode(SEQUENCES))
    assert not torch.equal(model(residues).emissions, model(residues).emissions)


def test_onnx_equals_torch(tmp_path):
    torch.manual_seed(0)
    model = build_model(ModelSettings(student=STUDENT)).eval()
    torch.nn.init.normal_(model.crf.transitions)
    export_onnx(model, tmp_path / lookup.ONNX)
    exported, original = OnnxBackend(tmp_path / lookup.ONNX, threads=1), TorchBackend(model)
    for batch in (SEQUENCES, ["M"], ["MKT" * 20] * 9):
        residues = encode(batch)
        found, expected = exported.emissions(residues), original.emissions(residues)
        for row, sequence in enumerate(batch):
            np.testing.assert_allclose(
                found[row, : len(sequence)], expected[row, : len(sequence)], atol=1e-4
            )
    for name in ("transitions", "starts", "ends"):
        np.testing.assert_array_equal(
            getattr(exported.scores, name), getattr(original.scores, name)
        )


class BitFit(Method):
    """Trains biases that the backbone has itself, of its last layers."""

    layers: int = 2
    method: str = "bitfit"

    def apply(self, backbone):
        for layer in backbone.layers[-self.layers :]:
            for name, parameter in layer.named_parameters():
                if name.endswith("bias"):
                    parameter.requires_grad_(True)


class Replacing(Method):
    """Puts other values in place of weights, as some initialisations of LoRA do."""

    method: str = "replacing"

    def apply(self, backbone):
        weight = backbone.layers[0].output.dense.weight
        weight.data = weight.data * 2


class Overwriting(Method):
    """Writes to weights."""

    method: str = "overwriting"

    def apply(self, backbone):
        with torch.no_grad():
            backbone.layers[0].output.dense.weight.mul_(2)


class Idle(Method):
    """Trains what the hidden states do not depend on, as prompts of `peft` would be."""

    method: str = "idle"

    def apply(self, backbone):
        backbone.vectors = nn.Parameter(torch.zeros(3))


def network(tiny_backbone, method, backbones=None, **options):
    settings = ModelSettings(backbone=tiny_backbone, tuning=LoRA(), **options)
    return build_model(settings.model_copy(update={"tuning": method}), backbones).eval()


@pytest.mark.parametrize("method", [BitFit(), Replacing(), Full()], ids=lambda m: m.method)
def test_a_network_that_trains_its_backbone_changes_no_other_on_the_same(tiny_backbone, method):
    """Neither one that was built before, nor one that is built afterwards."""
    residues, backbones = torch.from_numpy(encode(SEQUENCES)), Backbones()
    before = network(tiny_backbone, LoRA(), backbones)
    with torch.no_grad():
        expected = before.encoder(residues)
    own = network(tiny_backbone, method, backbones)
    perturb(own)
    with torch.no_grad():
        assert not torch.equal(own.encoder(residues), expected), "it has changed itself"
        assert torch.equal(before.encoder(residues), expected)
    encoder, fingerprint = backbones.take(tiny_backbone)
    assert weights_hash(encoder) == fingerprint
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_what_a_network_does_not_train_it_shares(tiny_backbone):
    backbones = Backbones()
    one, two = (network(tiny_backbone, BitFit(layers=1), backbones) for _ in range(2))
    pairs = zip(one.encoder.named_parameters(), two.encoder.parameters(), strict=True)
    shared = {name: first is second for (name, first), second in pairs}
    own = sorted(name for name, same in shared.items() if not same)
    assert own == sorted(n for n in shared if ".layer.1." in n and n.endswith("bias"))
    trained = {name for name, p in one.encoder.named_parameters() if p.requires_grad}
    assert trained == set(own)


def test_shared_weights_that_a_method_writes_to_are_an_error(tiny_backbone):
    with pytest.raises(ValueError, match="wrote to weights that other networks share"):
        network(tiny_backbone, Overwriting(), Backbones())
    network(tiny_backbone, Overwriting())  # its own it may write to


def test_parameters_without_effect_are_refused(tiny_backbone):
    with pytest.raises(RecipeError, match=r'"idle" has no effect: .* do not depend on vectors'):
        network(tiny_backbone, Idle())


def test_parameters_of_a_backbone_in_bfloat16_are_too_coarse_to_train(tiny_backbone):
    with pytest.raises(RecipeError, match=r"too coarse for parameters that are trained: .*bias"):
        network(tiny_backbone, BitFit(), backbone_precision="bfloat16")


@pytest.mark.parametrize(("layers", "untouched"), [(2, 0), (1, 1)])
def test_no_layer_is_cached_that_training_changes(tiny_backbone, tmp_path, layers, untouched):
    model = network(tiny_backbone, BitFit(layers=layers))
    assert model.encoder.untouched == untouched
    residues = encode(SEQUENCES)
    cache_untouched_layers(model, residues, tmp_path)
    cache = model.encoder.activation_cache
    assert (0 if cache is None else cache.depth) == untouched
    perturb(model)
    with torch.no_grad():
        cached = model.encoder(torch.from_numpy(residues))
        model.encoder.activation_cache = None
        exact = model.encoder(torch.from_numpy(residues))
    inside = torch.from_numpy(residues) != 25
    torch.testing.assert_close(cached[inside], exact[inside], atol=0.1, rtol=0.1)


def test_a_frozen_head_is_saved_and_not_trained(tiny_backbone, tmp_path):
    settings = ModelSettings(
        backbone=tiny_backbone, tuning=LoRA(rank=2), head=HeadSettings(frozen=True)
    )
    torch.manual_seed(3)
    model = build_model(settings).eval()
    encoder, head = model.parameter_groups()
    assert encoder and not head
    perturb(model)
    save_checkpoint(tmp_path, model, settings, ModelConfig())
    torch.manual_seed(4)
    again = load_checkpoint(tmp_path)
    residues = torch.from_numpy(encode(SEQUENCES))
    with torch.no_grad():
        assert torch.equal(again(residues).emissions, model(residues).emissions)
