"""Where VeRA's factors stand, and that its random projections are stored."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.tuning import VeRA
from tests.support.networks import model_of, perturb, settings_of


def test_layers_share_projections_and_train_factors(tiny_backbone):
    encoder = model_of(tiny_backbone, VeRA(rank=8)).encoder
    trained = {n: p for n, p in encoder.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 4 * 2 and all("vera_lambda_" in name for name in trained)
    assert sum(p.numel() for p in trained.values()) == 2 * 4 * (8 + 32)


def test_projections_are_part_of_a_model(tiny_backbone, tmp_path):
    """They would otherwise hang on a library's generator of random numbers."""
    model = model_of(tiny_backbone, VeRA(rank=8))
    perturb(model)
    save_checkpoint(tmp_path, model, settings_of(tiny_backbone, VeRA(rank=8)), ModelConfig())
    stored = load_file(tmp_path / "adapter_model.safetensors")
    assert stored["base_model.vera_A"].shape == (8, 32)
    residues = torch.tensor([[0, 1, 2, 3]])
    with torch.no_grad():
        expected = model.encoder(residues)
        found = load_checkpoint(tmp_path, tiny_backbone).encoder(residues)
    assert torch.equal(found, expected)
