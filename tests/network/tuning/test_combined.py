"""LoRA, adapters and prompts at once: each does what it does alone."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from peft_sp.biology.alphabet import encode
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.backbone_files import read_config
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.tuning import Adapter, Combined, LoRA, Prompt
from tests.support.networks import model_of, perturb, settings_of

WINDOWS = ["MKKTAIAIAVALAGFATVAQAAPK", "MSTN"]
PARTS = {
    "lora": LoRA(layers=1, rank=2, dropout=0.0),
    "adapter": Adapter(bottleneck=4),
    "prompt": Prompt(length=3, position="all"),
}


def emissions(model):
    with torch.no_grad():
        return model(torch.from_numpy(encode(WINDOWS))).emissions


def test_each_part_does_what_it_does_alone(tiny_backbone):
    """With all but one part as at the start, the network is that of this part alone."""
    for name, part in PARTS.items():
        parts = {k: p for k, p in PARTS.items() if k != "prompt" or name == k}
        together = model_of(tiny_backbone, Combined(**parts))
        alone = model_of(tiny_backbone, part)
        perturb(alone)
        state = {
            key.replace(".dense.dense.", ".dense."): (key, parameter)
            for key, parameter in together.named_parameters()
        }
        with torch.no_grad():
            for key, parameter in alone.named_parameters():
                if not parameter.requires_grad:
                    continue
                own = key.replace("encoder.encoder.", "encoder.encoder.base_model.model.")
                (together.get_parameter((state.get(key) or state[own])[0])).copy_(parameter)
        torch.testing.assert_close(emissions(together), emissions(alone), atol=1e-5, rtol=1e-5)


def test_it_is_saved_and_loaded_the_same_but_not_as_peft_has_it(tiny_backbone, tmp_path):
    settings = settings_of(tiny_backbone, Combined(**PARTS))
    model = model_of(tiny_backbone, settings.tuning)
    perturb(model)
    save_checkpoint(tmp_path, model, settings, ModelConfig(name="x"))
    assert {p.name for p in tmp_path.glob("adapter*")} == {"adapter_model.safetensors"}
    assert torch.equal(emissions(load_checkpoint(tmp_path)), emissions(model))


def test_it_takes_two_parts_or_three_and_names_the_part_of_a_problem(tiny_backbone):
    with pytest.raises(ValidationError, match="combines two or three"):
        Combined(lora=LoRA())
    config = read_config(tiny_backbone)
    method = Combined(lora=LoRA(layers=33), prompt=Prompt(length=2, layers=2))
    lora, prompt = method.problems(config)
    assert lora.startswith("tuning.lora.layers is 33; the backbone has")
    assert prompt.startswith('tuning.prompt.layers goes with position = "topmost" alone')
    found = method.search_candidates(config.hidden_size, config.num_hidden_layers)
    assert found["lora.rank"] == (4, 8, 16) and found["prompt.length"] == (5, 10, 20, 50)
