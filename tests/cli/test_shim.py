"""A command named signalp6, put where pipelines find it and taken away again."""

from __future__ import annotations

import os

import pytest

from peft_sp.cli.shim import MARK
from tests.cli.test_signalp6 import PEFT_SP, good, run

__all__ = ["good"]
pytestmark = pytest.mark.integration


def test_the_shim_is_signalp6(good, tmp_path):
    install = (*PEFT_SP, "install-shim")
    folder = tmp_path / "bin with a blank"
    folder.mkdir()
    shim = folder / "signalp6"
    code, output, errors = run(folder, command=install)
    assert (code, output) == (0, f"installed {shim}\n") and "not on PATH" in errors
    # Files of the folder that a pipeline runs in are not taken for modules.
    (tmp_path / "numpy.py").write_text("raise SystemExit('not numpy')\n")
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    code, _, errors = run(
        "-ff", good.name, "-od", "out", command=["signalp6"], cwd=tmp_path, env=path
    )
    assert (code, errors) == (0, "")
    assert (tmp_path / "out" / "output_a_first_plot.txt").is_file()
    assert run(folder, command=install, env=path) == (0, f"installed {shim}\n", "")
    assert run("--remove", folder, command=install) == (0, f"removed {shim}\n", "")
    assert not shim.exists()
    assert "is not there" in run("--remove", folder, command=install)[2]


@pytest.mark.parametrize("options", [(), ("--remove",)])
def test_a_signalp6_that_is_not_ours_is_left_alone(options, tmp_path):
    other = tmp_path / "signalp6"
    other.write_text(f"#!/bin/sh\necho the real one # not {MARK}\n")
    code, _, errors = run(*options, tmp_path, command=(*PEFT_SP, "install-shim"))
    assert code == 2 and "was not made by peft-sp" in errors and errors.count("\n") == 1
    assert "the real one" in other.read_text()


def test_the_shim_needs_a_directory(tmp_path):
    code, _, errors = run(tmp_path / "none", command=(*PEFT_SP, "install-shim"))
    assert code == 2 and "no such directory" in errors and not (tmp_path / "none").exists()
