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
    assert code == 0 and "without running any code in it" in " ".join(output.split())
