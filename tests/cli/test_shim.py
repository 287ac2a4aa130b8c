"""A command named signalp6, put where pipelines find it and taken away again."""

from __future__ import annotations

import os
import subprocess

import pytest

from peft_sp.cli.shim import MARK
from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


def test_the_shim_is_signalp6(good, tmp_path):
    folder = tmp_path / "bin with a blank"
    folder.mkdir()
    shim = folder / "signalp6"
    code, output, errors = peft_sp("install-shim", folder)
    assert (code, output) == (0, f"installed {shim}\n") and "not on PATH" in errors
    # Files of the folder that a pipeline runs in are not taken for modules.
    (tmp_path / "numpy.py").write_text("raise SystemExit('not numpy')\n")
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["signalp6", "-ff", good.name, "-od", "out"]
    run = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=path)
    assert (run.returncode, run.stderr) == (0, b"")
    assert (tmp_path / "out" / "output_a_first_plot.txt").is_file()
    assert peft_sp("install-shim", folder, env=path) == (0, f"installed {shim}\n", "")
    assert peft_sp("install-shim", "--remove", folder) == (0, f"removed {shim}\n", "")
    assert not shim.exists()
    assert "is not there" in peft_sp("install-shim", "--remove", folder)[2]


@pytest.mark.parametrize("options", [(), ("--remove",)])
def test_a_signalp6_that_is_not_ours_is_left_alone(options, tmp_path):
    other = tmp_path / "signalp6"
    other.write_text(f"#!/bin/sh\necho the real one # not {MARK}\n")
    code, _, errors = peft_sp("install-shim", *options, tmp_path)
    assert code == 2 and "was not made by peft-sp" in errors and errors.count("\n") == 1
    assert "the real one" in other.read_text()


def test_the_shim_needs_a_directory(tmp_path):
    code, _, errors = peft_sp("install-shim", tmp_path / "none")
    assert code == 2 and "no such directory" in errors and not (tmp_path / "none").exists()
