"""Backbones of fair-esm as a command."""

from __future__ import annotations

import pytest

from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "no such file"), (b"", ""), (b"not a network", "")],
)
def test_a_file_that_is_no_backbone_is_one_line_and_leaves_nothing(content, problem, tmp_path):
    path, out = tmp_path / "esm2.pt", tmp_path / "backbone"
    if content is not None:
        path.write_bytes(content)
    code, output, errors = peft_sp("import", path, "-o", out)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and str(path) in errors and problem in errors
    assert not out.exists()


def test_help_says_that_the_file_is_not_run():
    code, output, _ = peft_sp("import", "--help")
    assert code == 0 and "without running any code in them" in " ".join(output.split())


def test_published_weights_predict_and_are_exported_like_any_model(tmp_path):
    pytest.importorskip("esm", reason="needs fair-esm, whose network is the reference")
    from tests.support.published import Published, network, write_backbone

    backbone = write_backbone(tmp_path, network())
    file = Published(lora=2).save(tmp_path / "model.pt")
    out = tmp_path / "mine"
    code, output, errors = peft_sp("import", file, "--backbone", backbone, "-o", out)
    assert (code, errors) == (0, "")
    assert "LoRA of rank 4 in 2 layers on backbone" in output and f"--model {out}" in output
    exported = tmp_path / "exported"
    assert peft_sp("export", out, "-o", exported)[0] == 0
    (tmp_path / "one.faa").write_text(">one\nMKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHD\n")
    tables = []
    for model in (out, exported):
        code, output, errors = peft_sp("predict", tmp_path / "one.faa", "--model", model, "-o", "-")
        assert code == 0, errors
        tables.append(output)
    assert tables[0].count("\n") == 2 and tables[0].split("\t")[:4] == tables[1].split("\t")[:4]


def test_alpha_and_backbone_are_checked(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"")
    for value in ("0", "-1", "inf", "nan"):
        code, _, errors = peft_sp("import", tmp_path / "model.pt", "--alpha", value, "-o", "out")
        assert code == 2 and "--alpha is a number above 0" in errors and errors.count("\n") == 1
