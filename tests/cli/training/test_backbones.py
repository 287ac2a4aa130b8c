"""What `peft-sp backbones` says."""

from __future__ import annotations

import pytest

from tests.support import encoders
from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


def test_families_and_short_names_are_listed():
    code, output, errors = peft_sp("backbones")
    assert (code, errors) == (0, "")
    for line in (
        "ESM-2                model_type esm   reads <cls> residues <eos>",
        "  esm2-650M          facebook/esm2_t33_650M_UR50D",
        "T5 (ProtT5, Ankh)    model_type t5    reads residues </s>",
    ):
        assert line in output.splitlines()


def test_a_directory_is_described_and_another_one_refused(tmp_path):
    place = encoders.write("protbert", tmp_path / "protbert")
    code, output, errors = peft_sp("backbones", place)
    assert (code, errors) == (0, "")
    for fact in ("BERT (ProtBert)", "2, 16 wide", "[CLS] residues [SEP]", "to ONNX"):
        assert fact in output
    assert "B, Z, U, O are read as X" in output
    code, _, errors = peft_sp("backbones", tmp_path)
    assert code == 2 and "cannot be read" in errors and errors.count("\n") == 1
