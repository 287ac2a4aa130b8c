"""An ESM-2 as one graph computes what transformers' own does."""

from __future__ import annotations

import pytest
import torch

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.onnx.plain import PlainBackbone
from tests.support.networks import PROMPTS, UNCHANGED, model_of, name_of, perturb

RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7]))


def test_hidden_states_are_those_of_the_backbone(tiny_backbone):
    backbone = Backbone(load_encoder(tiny_backbone).eval(), token_ids(tiny_backbone))
    real = (RESIDUES != PAD)[..., None]
    with torch.no_grad():
        expected = backbone(RESIDUES) * real
        torch.testing.assert_close(PlainBackbone(backbone)(RESIDUES) * real, expected)


@pytest.mark.parametrize("method", [*UNCHANGED[1::2], *PROMPTS], ids=name_of)
def test_it_takes_over_whatever_tuned_the_backbone(tiny_backbone, method):
    model = model_of(tiny_backbone, method)
    perturb(model)
    real = (RESIDUES != PAD)[..., None]
    with torch.no_grad():
        expected = model.encoder(RESIDUES) * real
        plain = PlainBackbone(model.encoder).eval()
        torch.testing.assert_close(plain(RESIDUES) * real, expected, atol=1e-4, rtol=1e-4)


def test_padding_has_no_influence(tiny_backbone):
    plain = PlainBackbone(Backbone(load_encoder(tiny_backbone).eval(), token_ids(tiny_backbone)))
    with torch.no_grad():
        together = plain(RESIDUES)
        for row, length in enumerate((RESIDUES != PAD).sum(1).tolist()):
            alone = plain(RESIDUES[row : row + 1, :length])[0]
            torch.testing.assert_close(together[row, :length], alone, atol=1e-5, rtol=1e-5)
