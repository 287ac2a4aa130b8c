import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import EsmForMaskedLM, EsmModel, EsmTokenizer

from peft_sp.biology.alphabet import encode
from peft_sp.errors import ModelError
from peft_sp.network.backbone import Backbone, load_encoder, weights_hash
from peft_sp.network.backbone_files import token_ids
from peft_sp.training.pretraining.masking import MASK
from peft_sp.training.pretraining.model import MaskedResidueModel, trimmed

WINDOWS = ["MKKTAIAIAVALAGFATVAQA", "MSTNPKPQRK", "MA"]


@pytest.fixture
def model(tiny_backbone):
    torch.manual_seed(0)
    return MaskedResidueModel(tiny_backbone).eval()


def hidden():
    residues = encode(WINDOWS)
    chosen = np.zeros(residues.shape, dtype=bool)
    chosen[0, [0, 20]] = chosen[1, 9] = chosen[2, 1] = True
    seen = residues.copy()
    seen[0, 20] = seen[2, 1] = MASK
    return residues, seen, chosen


def test_logits_are_those_of_the_library(model, tmp_path):
    model.save(tmp_path)
    library = EsmForMaskedLM.from_pretrained(tmp_path).eval()
    texts = ["MKKTAIAIAVALAGFATVAQ<mask>", WINDOWS[1], "M<mask>"]
    tokens = EsmTokenizer.from_pretrained(tmp_path)(texts, return_tensors="pt", padding=True)
    _, seen, chosen = hidden()
    with torch.no_grad():
        expected = library(**tokens).logits[:, 1:-1][torch.from_numpy(chosen)]
        found = model(seen, chosen)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_targets_are_the_tokens_of_the_residues(model, tiny_backbone):
    residues, _, chosen = hidden()
    ids = token_ids(tiny_backbone)
    assert model.targets(residues, chosen).tolist() == [ids[letter] for letter in "MAKA"]


def test_what_is_saved_is_a_backbone_with_its_head(model, tmp_path):
    model.save(tmp_path)
    assert weights_hash(load_encoder(str(tmp_path))) == weights_hash(model.backbone.network)
    again = MaskedResidueModel(str(tmp_path))
    assert again.own_head and not model.own_head
    for name, parameter in again.named_parameters():
        assert torch.equal(parameter, dict(model.named_parameters())[name]), name
    plain = EsmModel.from_pretrained(tmp_path, add_pooling_layer=False)
    assert weights_hash(plain) == weights_hash(model.backbone.network)
    assert token_ids(str(tmp_path))["<cls>"] == 0


def test_the_backbone_of_a_network_is_unchanged_by_its_head(model, tiny_backbone):
    assert weights_hash(model.backbone.network) == weights_hash(load_encoder(tiny_backbone))


def test_hidden_states_at_some_residues_are_those_of_all(tiny_backbone):
    backbone = Backbone(load_encoder(tiny_backbone), token_ids(tiny_backbone)).eval()
    residues = torch.from_numpy(encode(WINDOWS))
    tokens, inside = backbone.tokens(residues)
    chosen = torch.zeros_like(inside)
    chosen[0, 3] = chosen[2, 1] = True
    with torch.no_grad():
        found = backbone.hidden_at(tokens, inside, chosen)
        torch.testing.assert_close(found, backbone(residues)[[0, 2], [2, 0]])


def test_every_trained_parameter_has_a_gradient(model):
    residues, seen, chosen = hidden()
    loss = torch.nn.functional.cross_entropy(model(seen, chosen), model.targets(residues, chosen))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_a_head_of_another_kind_is_refused(model, tmp_path):
    model.save(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["lm_head.bias"] = torch.zeros(5)
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(ModelError, match="has a head for masked residues that is no ESM-2's"):
        MaskedResidueModel(str(tmp_path))


def test_a_backbone_without_a_mask_token_is_refused(model, tmp_path):
    model.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "mask_token_id": None}))
    with pytest.raises(ModelError, match=r"has no mask_token_id in its config\.json"):
        MaskedResidueModel(str(tmp_path))


def test_columns_of_padding_are_cut_off():
    assert trimmed(encode(WINDOWS, 70)).shape == (3, 21)
